"""App Home: what is kept in mind about a person, each line with the buttons of its commands."""

from collections.abc import Sequence
from typing import Any

from bots.adapter import Choice
from bots.slack_bot.answers import Asker, choice_row
from bots.texts import text

_MOST_LINES = 45  # of two blocks each; a home holds a hundred
_LINE_CHARS = 3_000


def home(asker: Asker, locale: str, lines: Sequence[str]) -> dict[str, Any]:
    """The view of a person.

    Args:
        asker: Whose memory it is, and who alone may press.
        locale: Theirs.
        lines: What is kept, as `memory show` says it.
    """
    blocks: list[Any] = [
        {"type": "header", "text": {"type": "plain_text", "text": text(locale, "home.title")}},
        _section("mrkdwn", text(locale, "home.heading" if lines else "home.nothing")),
    ]
    for line in lines[:_MOST_LINES]:
        blocks += [_section("plain_text", line), *choice_row(asker, _choices(locale, line))]
    if len(lines) > _MOST_LINES:
        more = text(locale, "home.more", count=len(lines) - _MOST_LINES)
        blocks.append(_section("mrkdwn", more))
    export = Choice(label=text(locale, "home.export"), command="memory export")
    return {"type": "home", "blocks": [*blocks, *choice_row(asker, [export])]}


def _choices(locale: str, line: str) -> list[Choice]:
    item = {"item": line}
    return [
        Choice(label=text(locale, "home.forget"), command="memory forget", arguments=item),
        Choice(label=text(locale, "home.edit"), command="memory edit", arguments=item),
        Choice(label=text(locale, "home.pin"), command="memory pin", arguments=item),
    ]


def _section(kind: str, line: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": kind, "text": line[:_LINE_CHARS]}}
