"""From the bytes of a file to its sections, by what the file is; runs in the child only.

Reading trusts nothing but the limits of the process; a file that cannot be read is refused with
one plain sentence.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.documents import PIECE_CHARS, Section
from engine.parsing.markup import Trail, html_sections, markdown_sections

if TYPE_CHECKING:
    from pypdf import PdfReader

_PDF, _ZIP, _OLE = b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UNPACKED_BYTES = 200_000_000
_BINARY_LOOK_BYTES = 8192
_KINDS = "text, Markdown, HTML, CSV, code, PDF and DOCX"
_PROGRESS_PAGES = 10
_COLUMNS_CHARS = PIECE_CHARS // 2
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class RefusedError(Exception):
    """The file cannot be read; the text says why, in one sentence with {name} in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reader is given.

    Attributes:
        suffix: How the file's name ends, ``.pdf``.
        progress: Called with the page that is done and how many there are.
    """

    suffix: str
    data: bytes
    max_pages: int
    progress: Callable[[int, int], None]


def too_large(name: str, memory_mb: int) -> str:
    """The sentence for a file that there is not enough memory for."""
    return f"{name} needs more than {memory_mb} MB to read, the limit."


def sections(reading: Reading) -> Iterator[Section]:
    """The sections of a file, in order.

    Raises:
        RefusedError: It is of a kind that is not read, encrypted, without text, or has too many
            pages.
    """
    suffix = reading.suffix
    if reading.data.lstrip()[: len(_PDF)] == _PDF:
        yield from _pdf(reading)
    elif suffix == ".docx":
        yield from _docx(reading.data)
    elif suffix in {".html", ".htm", ".xhtml"}:
        yield from html_sections(_text(reading.data))
    elif suffix in {".md", ".markdown"}:
        yield from markdown_sections(_text(reading.data))
    elif suffix in {".csv", ".tsv"}:
        yield from _table(_text(reading.data))
    else:
        yield Section(text=_text(reading.data), first_line=1)


def _text(data: bytes) -> str:
    """Text of any usual encoding; a file with NULs and no byte-order mark is none."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data[:_BINARY_LOOK_BYTES]:
        raise RefusedError(f"{{name}} is of a kind I cannot read; I read {_KINDS}.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _table(text: str) -> Iterator[Section]:
    """Rows as they are, the column names above each piece, unless those are longer than rows."""
    head, _, rows = text.partition("\n")
    if rows.strip() and len(head) <= _COLUMNS_CHARS:
        yield Section(text=rows, first_line=2, repeated=head.strip())
    else:
        yield Section(text=text, first_line=1)


def _docx(data: bytes) -> Iterator[Section]:
    if data.startswith(_OLE):
        raise RefusedError(
            "{name} is encrypted with a password or of an old Word version, so I could not read "
            "it; save it as .docx without a password."
        )
    if not data.startswith(_ZIP):
        raise RefusedError("{name} is not a Word document, though its name says so.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _UNPACKED_BYTES:
            raise RefusedError(
                f"{{name}} unpacks to more than {_UNPACKED_BYTES // 1_000_000} MB, the limit, so I "
                "did not read it."
            )
    import mammoth

    image = mammoth.images.img_element(lambda _: {"src": ""})
    yield from html_sections(mammoth.convert_to_html(io.BytesIO(data), convert_image=image).value)


def _pdf(reading: Reading) -> Iterator[Section]:
    import pypdf
    from pypdf.errors import DependencyError

    reader = pypdf.PdfReader(io.BytesIO(reading.data))
    try:
        readable = not reader.is_encrypted or bool(reader.decrypt(""))
    except DependencyError:  # of a cipher that needs another library
        readable = False
    if not readable:
        raise RefusedError(
            "{name} is encrypted, so I could not read it; send it without a password."
        )
    count = len(reader.pages)
    if count > reading.max_pages:
        raise RefusedError(f"{{name}} has {count} pages; I read at most {reading.max_pages}.")
    bookmarks, found, heading = _bookmarks(reader), False, ""
    for number, page in enumerate(reader.pages, 1):
        text, heading = page.extract_text(), bookmarks.get(number, heading)
        found = found or bool(text.strip())
        yield Section(text=text, page=number, heading=heading)
        if number % _PROGRESS_PAGES == 0 or number == count:
            reading.progress(number, count)
    if not found:
        raise RefusedError(
            "{name} holds pictures of pages and no text, so I could not read it; send it with a "
            "text layer (OCR)."
        )


def _bookmarks(reader: "PdfReader") -> dict[int, str]:
    """The heading that each page begins under, with those above it, where the file names any."""
    from pypdf.errors import PyPdfError

    headings: dict[int, str] = {}
    waiting: list[tuple[int, Any]] = []
    trail = Trail()
    with suppress(PyPdfError):  # a document without its bookmarks is as good
        waiting = [(1, item) for item in reversed(reader.outline)]
    while waiting:
        level, item = waiting.pop()
        if isinstance(item, list):
            waiting += [(level + 1, below) for below in reversed(item)]
            continue
        page = reader.get_destination_page_number(item)
        trail.enter(level, str(item.title))
        if page is not None:
            headings[page + 1] = str(trail)
    return headings
