"""channels_redis's core layer, whose tasks in the background raise nothing when Redis is lost."""

import logging
from typing import Any

from channels_redis.core import RedisChannelLayer

logger = logging.getLogger(__name__)


class RedisLayer(RedisChannelLayer):  # type: ignore[misc]  # channels_redis has no types
    async def _clean_receive_backup(self, index: int, channel: Any) -> None:
        """No code awaits this task: its error would be a traceback in the log.

        A message that stays in the backup arrives once more, or expires.
        """
        try:
            await super()._clean_receive_backup(index, channel)
        except Exception as error:
            logger.debug("A message of the channel layer may arrive twice: %s", error)
