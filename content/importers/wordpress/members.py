"""Text that plugins of WordPress show to members alone: their shortcodes and blocks are in the public text here."""

import re

CLOSING = re.compile(r"(?<!\[)\[/([A-Za-z_][\w-]{0,60})\s*\]")
# Opening comments of blocks that enclose something, and their settings.
OPENING = re.compile(r"<!--\s+wp:([a-z][\w/-]{0,100})(\s[^<>]*?)?(?<!/)-->")
# A setting by which core and plugins hide a block from some readers or from all.
HIDING = ('"blockVisibility":', '"contentControls":')
# Parts of names, between _, - and /: [members_only], [rcp_restrict], wp:pmpro/membership.
WORDS = {
    "hidden", "member", "members", "membership", "loggedin", "paid", "passster", "paywall", "ppwp", "private",
    "protect", "protected", "protector", "restrict", "restricted", "secret", "subscriber", "subscribers", "vip",
}  # fmt: skip
# Whole names, where no part says it: MemberPress, s2Member, WishList Member, Ultimate Member and others.
NAMES = {
    "_s2if", "access", "content_control", "is_user_logged_in", "logged_in", "members_logged_in", "mepr-active",
    "mepr-show", "premium", "premium-content/container", "premium-content/subscriber-view", "s2if", "student",
    "um_show_content", "user_logged_in", "wlm_ismember", "wpmem_logged_in",
}  # fmt: skip
# For everybody else: nothing is withheld by these.
OTHERS = {"login", "logged_out", "loggedout", "non", "nonmember", "not", "out", "team", "visitor"}
PAYWALL = "wp:jetpack/paywall"


def for_members(content: str) -> str:
    """The first mark of text for members alone, as [name] or wp:name; empty where there is none.

    A shortcode counts with its closing tag, since without one it encloses nothing. `[[name]]` is shown as it is.
    """
    for closing in CLOSING.finditer(content):
        if is_for_members(closing[1]):
            return f"[{closing[1]}]"
    for block in OPENING.finditer(content):
        if is_for_members(block[1]) or any(setting in (block[2] or "") for setting in HIDING):
            return f"wp:{block[1]}"
    return PAYWALL if f"<!-- {PAYWALL} " in content else ""


def is_for_members(name: str) -> bool:
    name = name.lower()
    parts = set(re.split(r"[_/-]", name))
    return name in NAMES or (bool(parts & WORDS) and not parts & OTHERS)
