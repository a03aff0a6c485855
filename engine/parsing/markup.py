"""Headings and text of HTML and Markdown; events in, sections out, no tree is built."""

from collections.abc import Iterator
from html.parser import HTMLParser

from engine.documents import HEADING_CHARS, Section

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LINK_MARKS = "¶§ "  # of Sphinx and rustdoc, beside a heading
_SILENT = {"script", "style", "template", "noscript", "svg", "nav"}
_CELLS = {"td", "th"}
_ENDS_A_BLOCK = {
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "details", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "li", "main", "ol",
    "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
}  # fmt: skip


class Trail:
    """The headings above a place, the outermost first."""

    def __init__(self) -> None:
        self._above: list[tuple[int, str]] = []

    def enter(self, level: int, heading: str) -> None:
        """A heading begins; those of its own level and deeper have ended."""
        self._above = [(other, text) for other, text in self._above if other < level]
        self._above.append((level, " ".join(heading.split()).rstrip(_LINK_MARKS)[:HEADING_CHARS]))

    def __str__(self) -> str:
        return " > ".join(text for _, text in self._above if text)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[Section] = []
        self._trail = Trail()
        self._text: list[str] = []
        self._heading: list[str] | None = None
        self._silent, self._depth = "", 0
        self._preformatted = 0
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent:
            self._depth += tag == self._silent
        elif tag in _SILENT or ("role", "navigation") in attrs:
            self._silent, self._depth = tag, 1
        elif tag in _HEADINGS or tag == "title":
            self._heading = []
        elif tag in _CELLS:
            self._text.append(" | ")
            self._in_cell = True
        elif tag in _ENDS_A_BLOCK:
            self._text.append(" " if self._in_cell and tag == "p" else "\n")
        if tag == "pre" and not self._silent:
            self._preformatted += 1

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            self._depth -= tag == self._silent
            self._silent = self._silent if self._depth else ""
        elif self._heading is not None and (tag in _HEADINGS or tag == "title"):
            self._begin(_HEADINGS.get(tag, 1), "".join(self._heading))
        elif tag in _CELLS:
            self._in_cell = False
        elif tag in _ENDS_A_BLOCK and not (self._in_cell and tag == "p"):
            self._text.append("\n\n" if tag == "p" else "\n")
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        words = data if self._preformatted else _spaced(data)
        (self._text if self._heading is None else self._heading).append(words)

    def close(self) -> None:
        super().close()
        self._text += self._heading or []  # one that never ended is text
        self._end_section()

    def _begin(self, level: int, heading: str) -> None:
        self._heading = None
        self._end_section()
        self._trail.enter(level, heading)
        if len(heading) > HEADING_CHARS:
            self._text.append(heading)

    def _end_section(self) -> None:
        text = _tidy("".join(self._text))
        self._text = []
        if text:
            self.sections.append(Section(text=text, heading=str(self._trail)))


def _spaced(text: str) -> str:
    """White space as a browser shows it: one space, none lost at the ends."""
    inner = " ".join(text.split())
    if not inner:
        return " " if text else ""
    return f"{' ' * text[0].isspace()}{inner}{' ' * text[-1].isspace()}"


def _tidy(text: str) -> str:
    lines = [_line(line) for line in text.split("\n")]
    kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    return "\n".join(kept).strip()


def _line(text: str) -> str:
    """A line as shown; two spaces and more at its start are code's."""
    plain = text.rstrip()
    return plain if plain.startswith("  ") else plain.lstrip().removeprefix("|").lstrip()


def html_sections(text: str) -> list[Section]:
    """A page by its headings, without scripts, styles and navigation."""
    page = _Page()
    page.feed(text)
    page.close()
    return page.sections


def markdown_sections(text: str) -> Iterator[Section]:
    """A text by its headings, each section in its own words."""
    from markdown_it import MarkdownIt

    lines, trail, start = text.splitlines(keepends=True), Trail(), 0
    tokens = MarkdownIt("commonmark").disable("inline").parse(text)
    for at, token in enumerate(tokens):
        if token.type != "heading_open" or token.map is None or token.level:
            continue
        yield Section(text="".join(lines[start : token.map[0]]), heading=str(trail))
        heading = tokens[at + 1].content
        trail.enter(int(token.tag[1:]), heading)
        start = token.map[0 if len(heading) > HEADING_CHARS else 1]  # a long one is text, too
    yield Section(text="".join(lines[start:]), heading=str(trail))
