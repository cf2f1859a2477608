import hashlib
import re
import unicodedata

LONGEST = 200


def slugify(text: str, *, fallback: str = "post") -> str:
    """A slug of letters and digits of any script, never empty, at most 200 characters.

    A text with none of these (emoji alone, say) gives `<fallback>-<8 hex digits of its hash>`.
    """
    normal = unicodedata.normalize("NFKC", text).lower().replace("'", "").replace("\u2019", "")
    slug = re.sub(r"[\W_]+", "-", normal).strip("-")[:LONGEST].strip("-")
    return slug or f"{fallback}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"
