import os
import secrets
from pathlib import Path

from project.wrong_settings import WrongSettings


def stored_secret_key(state_dir: Path) -> str:
    """Read the key, or make it. Raises WrongSettings if the state folder cannot be used."""
    try:
        return read_or_make(state_dir)
    except OSError as error:
        raise WrongSettings(
            [
                f"EVERGREEN_STATE_DIR is {str(state_dir)!r}: the secret key cannot be kept there ({error.strerror}). "
                "Allowed: a folder that this user can write; or set SECRET_KEY."
            ]
        ) from error


def read_or_make(state_dir: Path) -> str:
    """The installation's own key: made on first use and kept in the state folder, readable by its owner only.

    Two processes that start at once agree on one: the file is written aside and linked into place,
    and whoever comes second reads what is there.
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
