import re

HANDLE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def person_name(text: str) -> str:
    """A name as people write it: `jane-doe`, the key of a data file that is not here, becomes Jane Doe."""
    if not HANDLE.fullmatch(text):
        return text
    # Short ones without a vowel are initials or nicknames, and stay.
    parts = [part.capitalize() if re.search("[aeiouy]", part) else part for part in text.split("-")]
    return " ".join(parts)
