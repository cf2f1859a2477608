import os
import secrets
from pathlib import Path

from project.wrong_settings import WrongSettings


def load_secret_key(state_dir: Path) -> str:
    """The secret key of this installation, created on first use. Raises WrongSettings."""
    try:
        return read_or_create(state_dir)
    except OSError as error:
        raise WrongSettings(
            [
                f"EVERGREEN_STATE_DIR is {str(state_dir)!r}: the secret key cannot be stored there "
                f"({error.strerror}). Allowed: a folder that this user can write; or set SECRET_KEY."
            ]
        ) from error


def read_or_create(state_dir: Path) -> str:
    """The key is a file in the state folder that only its owner can read.

    Two processes that start at once agree on one key: each writes a draft and links it into place. The second link
    fails, and that process reads the key of the first.
    """
    path = state_dir / "secret_key"
    if not path.exists():
        state_dir.mkdir(parents=True, exist_ok=True)
        draft = state_dir / f"secret_key.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()
