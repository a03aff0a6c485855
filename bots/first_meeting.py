"""What people read where they meet the bot for the first time: what is kept, and who decides."""

from collections.abc import Mapping

from bots.texts import SOURCE, text
from engine.choices import Choice
from engine.records import Audience, Reply

_MODE = "agent mode"


def greetings(recall_days: int) -> Mapping[Audience, Reply]:
    """By audience; the buttons under the one of a channel are for who manages it.

    Args:
        recall_days: How long messages are kept; 0 for ever.
    """
    key = "meeting.days" if recall_days else "meeting.always"
    kept = text(SOURCE, key, days=recall_days)
    room, direct = (text(SOURCE, f"meeting.{name}", kept=kept) for name in ("room", "direct"))
    return {
        "room": Reply(text=room, kind="notice", choices=_consent()),
        "private": Reply(text=direct, kind="notice"),
    }


def _consent() -> tuple[Choice, ...]:
    modes = (
        ("answer", "mention", "off"),
        ("addressed", "mention", "on"),
        ("listen", "listen", "on"),
    )
    return tuple(
        Choice(
            label=text(SOURCE, f"meeting.{name}"),
            command=_MODE,
            arguments={"mode": mode, "learning": learning},
        )
        for name, mode, learning in modes
    )
