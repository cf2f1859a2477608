"""Forms of a page as a browser sends them."""

from html.parser import HTMLParser


class FormParser(HTMLParser):
    """The values that a browser would send for the unchanged form of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self.area = self.select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = dict(attributes)
        name, value = has.get("name") or "", has.get("value") or ""
        if tag == "textarea":
            self.area = name
            self.fields[name] = [""]
        elif tag == "select":
            self.select = name
        elif tag == "option" and "selected" in has and self.select:
            self.fields.setdefault(self.select, []).append(value)
        elif tag == "input" and name and is_sent(has):
            self.fields.setdefault(name, []).append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # The line end behind the opening tag is the markup's.
            self.fields[self.area] = [self.fields[self.area][0].removeprefix("\n")]
            self.area = ""
        elif tag == "select":
            self.select = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.fields[self.area][0] += data


def is_sent(attributes: dict[str, str | None]) -> bool:
    kind = attributes.get("type")
    return "checked" in attributes if kind in ("checkbox", "radio") else kind not in ("submit", "file", "button")


def links(page: str) -> set[str]:
    found: set[str] = set()

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            href = (dict(attributes).get("href") or "").partition("?")[0]
            if tag == "a" and href.endswith("/change/"):
                found.add(href)

    Links().feed(page)
    return found
