"""Model Markdown to what Discord shows: tables as aligned code, deep headings bold; pure."""

import re
import unicodedata

from bots.replies import IN_THE_FILE, MOST_PARTS, split_markdown, without_mass_pings

PART_CHARS = 2000
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_DEEP_HEADING = re.compile(r"^#{4,6}[ \t]+(.+?)[ \t]*#*$")
_MARKUP = re.compile(r"\*\*|__|`|~~")
_CELL_EDGE = re.compile(r"(?<!\\)\|")


def parts_of(markdown: str) -> list[str]:
    """The parts that Discord takes, in order, as Discord shows them."""
    return split_markdown(without_mass_pings(rendered(markdown)), PART_CHARS)


def reply_parts(markdown: str) -> list[str]:
    """The parts of a reply; of one that takes too many, the first, with which a file comes."""
    if not is_too_long(markdown):
        return parts_of(markdown)
    return [first_part(markdown, len(IN_THE_FILE)) + IN_THE_FILE]


def is_too_long(markdown: str) -> bool:
    """Whether a reply takes so many parts that people would rather have a file."""
    return len(markdown) > PART_CHARS and len(parts_of(markdown)) > MOST_PARTS


def first_part(markdown: str, room_chars: int) -> str:
    """The first part, with room for something after it; ``""`` when there is nothing to see."""
    parts = split_markdown(without_mass_pings(rendered(markdown)), PART_CHARS - room_chars)
    return parts[0] if parts else ""


def rendered(markdown: str) -> str:
    """Markdown without what Discord would show as raw marks; code blocks stay as they are."""
    lines, shown, fence = markdown.split("\n"), [], ""
    at = 0
    while at < len(lines):
        fence = _fence_after(fence, lines[at])
        height = 0 if fence else _table_height(lines[at:])
        if height:
            shown.append(_aligned(lines[at : at + height]))
        else:
            shown.append(lines[at] if fence else _DEEP_HEADING.sub(r"**\1**", lines[at]))
        at += height or 1
    return "\n".join(shown)


def _fence_after(fence: str, line: str) -> str:
    """The marker of the code block that the line is in, or ``""``."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if not fence:
        return found[1]
    return "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence


def _table_height(lines: list[str]) -> int:
    """How many lines from the first on are a table; 0 when it starts none."""
    if len(lines) < 2 or "|" not in lines[0] or not _RULE.match(lines[1]):  # noqa: PLR2004 - a head and a rule
        return 0
    if len(_cells(lines[0])) != len(_cells(lines[1])):
        return 0
    height = 2
    while height < len(lines) and "|" in lines[height] and not _FENCE.match(lines[height]):
        height += 1
    return height


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    if re.search(r"(?<!\\)\|$", inner):
        inner = inner[:-1]
    return [_MARKUP.sub("", cell).replace("\\|", "|").strip() for cell in _CELL_EDGE.split(inner)]


def _aligned(lines: list[str]) -> str:
    rule = _cells(lines[1])
    rows = [_cells(lines[0]), *map(_cells, lines[2:])]
    columns = max(map(len, rows))
    full = [row + [""] * (columns - len(row)) for row in rows]
    widths = [max(_width(row[column]) for row in full) for column in range(columns)]
    right = [_is_right(rule, column) for column in range(columns)]
    text = [_row(row, widths, right) for row in full]
    line = "  ".join("-" * width for width in widths)
    return "\n".join(["```", text[0], line, *text[1:], "```"])


def _is_right(rule: list[str], column: int) -> bool:
    mark = rule[column] if column < len(rule) else ""
    return mark.endswith(":") and not mark.startswith(":")


def _row(cells: list[str], widths: list[int], right: list[bool]) -> str:
    padded = (
        " " * (width - _width(cell)) + cell if rightmost else cell + " " * (width - _width(cell))
        for cell, width, rightmost in zip(cells, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """Columns of a terminal font: wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
