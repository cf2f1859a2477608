import os
import secrets
from pathlib import Path


def stored_secret_key(state_dir: Path) -> str:
    """The installation's own key: made on first use and kept in the state folder, readable by its owner only.

    Two processes that start at once agree on one: the file is written aside and linked into place,
    and whoever comes second reads what is there.
    """
    path = state_dir / "secret_key"
    if not path.exists():
        state_dir.mkdir(parents=True, exist_ok=True)
        draft = state_dir / f"secret_key.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()
