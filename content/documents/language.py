RIGHT_TO_LEFT = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}


def direction(language: str) -> str:
    """Either rtl or ltr, as HTML's `dir` has it, of a language tag (BCP 47)."""
    return "rtl" if language.partition("-")[0].lower() in RIGHT_TO_LEFT else "ltr"
