from markdown_it import MarkdownIt


def render_markdown(text: str) -> str:
    return MarkdownIt().render(text)
