"""Promises of the style sheet that can be computed."""

import re
from pathlib import Path

import pytest

from content.rendering.markdown import stylesheet

STATIC = Path("content/static/content")
CSS = (STATIC / "site.css").read_text()
PAIRS = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)

# Text and the ground it stands on.
READ_ON = [
    ("ink", "paper"),
    ("ink", "raised"),
    ("ink", "code-ground"),
    ("muted", "paper"),
    ("muted", "raised"),
    ("accent", "paper"),
    ("accent", "raised"),
    ("accent-strong", "paper"),
    ("accent-strong", "accent-soft"),
    ("paper", "accent"),
    ("paper", "accent-strong"),
]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), READ_ON)
def test_text_can_be_read_on_its_ground(text, ground, mode):
    colours = {name: {"light": light, "dark": dark} for name, light, dark in PAIRS}
    assert contrast(colours[text][mode], colours[ground][mode]) >= 4.5


def test_browsers_without_light_dark_get_the_light_colours():
    plain = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", CSS))
    assert {name: light for name, light, _ in PAIRS} == plain


@pytest.mark.parametrize("name", ["site.css", "highlight.css", "site.js", "theme.js", "favicon.svg"])
def test_nothing_is_asked_of_another_host(name):
    text = (STATIC / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|url\(|@import", text)


@pytest.mark.parametrize(
    "query", ["prefers-reduced-motion", "prefers-contrast", "forced-colors", "print", "light-dark"]
)
def test_readers_wishes_are_honoured(query):
    assert query in CSS


def test_the_colours_of_code_are_those_of_its_style():
    assert (STATIC / "highlight.css").read_text() == stylesheet()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_code_can_be_read_on_its_ground(mode):
    ground = {name: {"light": light, "dark": dark} for name, light, dark in PAIRS}["code-ground"][mode]
    pairs = re.findall(r"light-dark\((#\w{6}|var\(--ink\)), (#\w{6}|var\(--ink\))\)", stylesheet())
    colours = {pair[mode == "dark"] for pair in pairs} - {"var(--ink)"}
    assert len(colours) > 5
    assert [colour for colour in colours if contrast(colour, ground) < 4.5] == []
