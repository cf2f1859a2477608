"""Faults, each for a few seconds in the middle of a race."""

from tests.support.race.faults import database, failover, redis, workers

FAULTS = (*redis.FAULTS, *failover.FAULTS, *database.FAULTS, *workers.FAULTS)
