"""The Markdown of one post."""

from random import Random

from content.demo.grammar import Grammar
from content.demo.themes import Sample, Table, Theme

ORNAMENTS = ("quote", "bullets", "steps", "table", "code")


class Body:
    """Written from top to bottom; `markdown()` gives the whole, footnotes at its end."""

    def __init__(self, theme: Theme, samples: list[Sample], rng: Random) -> None:
        self.theme = theme
        self.samples = samples
        self.rng = rng
        self.blocks: list[str] = []
        self.footnotes: list[str] = []
        self.ornaments = self.choose_ornaments()

    @property
    def grammar(self) -> Grammar:
        return self.theme.grammar

    def choose_ornaments(self) -> list[str]:
        """What stands between the paragraphs, in random order: code mostly where it belongs."""
        code = 3 if self.theme.slug == "code" else 0.15
        chosen = [name for name in ORNAMENTS[:-1] if self.rng.random() < 0.4]
        chosen += ["code"] * min(3, int(code + self.rng.random()))
        self.rng.shuffle(chosen)
        return chosen

    def markdown(self) -> str:
        notes = [f"[^{number}]: {text}" for number, text in enumerate(self.footnotes, start=1)]
        return "\n\n".join([*self.blocks, *notes]) + "\n"

    # --- a note, an essay, a long read --------------------------------------------------------------

    def note(self, link: str | None = None) -> None:
        """A page without headings."""
        self.paragraph("opening")
        self.ornaments = self.ornaments[:1]
        for _ in range(self.rng.randint(1, 3)):
            self.ornament()
            self.paragraph("middle")
        self.paragraph("middle", link=link, closing=True)

    def essay(self, sections: int, link: str | None = None) -> None:
        self.paragraph("opening")
        self.paragraph("middle")
        headings: set[str] = set()
        for number in range(sections):
            self.section(headings, long=sections > 5)
            if number == 0 and link:
                self.blocks.append(link)  # what stands before it can be code, a list or a table
        self.rule()
        self.paragraph("middle", closing=True)

    def section(self, headings: set[str], *, long: bool) -> None:
        self.heading("##", headings)
        for _ in range(self.rng.randint(1, 3)):
            self.paragraph("middle")
        self.ornament()
        if long and self.rng.random() < 0.5:
            self.heading("###", headings)
            self.paragraph("opening")
            self.paragraph("middle")

    # --- its parts ----------------------------------------------------------------------------------

    def heading(self, level: str, taken: set[str]) -> None:
        text = self.grammar.sentence("heading")
        while text in taken:
            text = self.grammar.sentence("heading")
        taken.add(text)
        self.blocks.append(f"{level} {text}")

    def paragraph(self, first: str, *, link: str | None = None, closing: bool = False) -> None:
        sentences = [self.grammar.sentence(first)]
        sentences += [self.grammar.sentence("middle") for _ in range(self.rng.randint(2, 4))]
        if link:
            sentences.insert(1, link)
        if self.rng.random() < 0.12:
            sentences[-1] += self.footnote()
        if closing:
            sentences.append(self.grammar.sentence("closing"))
        self.blocks.append(" ".join(sentences))

    def footnote(self) -> str:
        self.footnotes.append(self.grammar.sentence("footnote"))
        return f"[^{len(self.footnotes)}]"

    def ornament(self) -> None:
        if self.ornaments:
            getattr(self, self.ornaments.pop())()

    def quote(self) -> None:
        by = self.grammar.phrase("person")
        self.blocks.append(f"> {self.grammar.sentence('quote')}\n>\n> *{by[0].upper()}{by[1:]}*")

    def bullets(self) -> None:
        items = [self.grammar.sentence("item") for _ in range(self.rng.randint(3, 5))]
        self.blocks.append(self.grammar.sentence("list_lead"))
        self.blocks.append("\n".join(f"- {item}" for item in dict.fromkeys(items)))

    def steps(self) -> None:
        steps = [self.grammar.sentence("step") for _ in range(self.rng.randint(3, 6))]
        lines = [f"{number}. {step}" for number, step in enumerate(dict.fromkeys(steps), start=1)]
        self.blocks.append("\n".join(lines))

    def table(self) -> None:
        self.blocks.append(table_markdown(self.theme.table, self.rng))

    def code(self) -> None:
        fitting = self.samples if self.theme.slug == "code" else self.samples[-1:]
        sample = self.rng.choice(fitting)
        self.blocks.append(sample.lead)
        self.blocks.append(f"```{sample.language}\n{sample.code.strip()}\n```")

    def rule(self) -> None:
        if self.rng.random() < 0.3:
            self.blocks.append("---")


def table_markdown(table: Table, rng: Random) -> str:
    """The table with some of its rows, in their own order."""
    kept = sorted(rng.sample(range(len(table.rows)), rng.randint(3, len(table.rows))))
    lines = [table.columns, ["---"] * len(table.columns), *(table.rows[index] for index in kept)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
