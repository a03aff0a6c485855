"""From a parsed document to passages and an outline; pure, knows no file, no format and no store.

A passage holds about 300 tokens and the place it stands at, so that an answer can name its source.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.events import whole_characters
from engine.records import Document

OPERATOR = "operator"  # author of what did not come in a chat
PIECE_CHARS = 1200  # about 300 tokens of English
HEADING_CHARS = 120
_OUTLINE_CHARS = 1500
_SHORTEST_SHARE = 0.5  # a piece ends at a good place in its second half, else where it is full
_ENDS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.!?…。]\s"), re.compile(r"\s"))
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_UNITS = ((1_000_000, "MB"), (1000, "kB"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of a document under one heading or on one page.

    Attributes:
        heading: With those above it, ``Guide > Install``.
        first_line: Number of its first line, where lines are how people find a place.
        repeated: Stands at the head of every piece, like a table's column names.
    """

    text: str
    heading: str = ""
    page: int | None = None
    first_line: int | None = None
    repeated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The text of one passage, and where in the document it stands."""

    place: str
    text: str


def pieces(sections: Iterable[Section]) -> Iterator[Piece]:
    """Cut sections into pieces of at most 1,200 characters, at paragraphs where there are any."""
    for section in sections:
        line = section.first_line
        for start, end in _spans(section.text):
            part = section.text[start:end]
            if text := storable(part).strip():
                shown = f"{section.repeated}\n{text}" if section.repeated else text
                yield Piece(place=_place(section, line, part), text=shown)
            if line is not None:
                line += part.count("\n")


def storable(text: str) -> str:
    """Text without what no database keeps, half characters, and what steers a terminal."""
    return _CONTROLS.sub("", whole_characters(text))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = _end(text, start)
        yield start, end
        start = end


def _end(text: str, start: int) -> int:
    """Where a piece ends: after the last paragraph, line, sentence or word that fits."""
    full = start + PIECE_CHARS
    if full >= len(text):
        return len(text)
    least = start + int(PIECE_CHARS * _SHORTEST_SHARE)
    for pattern in _ENDS:
        found = [match.end() for match in pattern.finditer(text, least, full)]
        if found:
            return found[-1]
    return full


def _place(section: Section, first: int | None, part: str) -> str:
    parts = [f"page {section.page}"] if section.page else []
    if section.heading:
        parts.append(_nearest(storable(section.heading)))
    if first is not None:
        last = first + part.rstrip("\n").count("\n")
        parts.append(f"lines {first}-{last}")
    return ", ".join(parts)


def _nearest(heading: str) -> str:
    """As much of a heading with those above it as a citation bears; the lowest says most."""
    return heading if len(heading) <= HEADING_CHARS else f"…{heading[-HEADING_CHARS:]}"


def title(name: str, place: str) -> str:
    """What a passage is cited by: ``handbook.pdf, page 12``."""
    return f"{name}, {place}" if place else name


def size_text(size_bytes: int) -> str:
    """A size as people write it: ``1.2 MB``."""
    for unit, name in _UNITS:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size_bytes} bytes"


def announcement(document: Document, places: Iterable[str]) -> str:
    """What the agent is told about a document it has got: name, size and an outline."""
    pages = f", {document.pages} pages" if document.pages else ""
    told = (
        f"{document.name} ({size_text(document.size_bytes)}{pages}) is now in archival memory as "
        f"{document.passages} passages; archival_memory_search finds what it says."
    )
    shown = outline(places)
    return f"{told} Outline: {shown}" if shown else told


def announcement_of_many(documents: Sequence[Document]) -> str:
    """What the agent is told about many documents at once: how many, and their names."""
    passages = sum(document.passages for document in documents)
    names = _as_many_as_fit([document.name for document in documents])
    return (
        f"{len(documents)} documents are now in archival memory as {passages} passages; "
        f"archival_memory_search finds what they say. Documents: {names}"
    )


def outline(places: Iterable[str]) -> str:
    """The headings of a document in order, as many as 1,500 characters hold."""
    return _as_many_as_fit(dict.fromkeys(filter(None, map(_heading, places))))


def _as_many_as_fit(items: Collection[str]) -> str:
    shown: list[str] = []
    room = _OUTLINE_CHARS
    for item in items:
        room -= len(item) + 2
        if room < 0:
            return "; ".join([*shown, f"and {len(items) - len(shown)} more"])
        shown.append(item)
    return "; ".join(shown)


def _heading(place: str) -> str:
    """A place without its page and lines, which say nothing in an outline."""
    return re.sub(r"^page \d+(?:, )?|(?:, |^)lines \d+-\d+$", "", place)
