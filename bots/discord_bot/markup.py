"""Discord's markup in a message becomes what people read; pure."""

import re
from collections.abc import Callable

_PERSON = re.compile(r"<@!?(\d{1,20})>")
_ROLE = re.compile(r"<@&(\d{1,20})>")
_CHANNEL = re.compile(r"<#(\d{1,20})>")
_EMOJI = re.compile(r"<a?(:\w+:)\d+>")
_COMMAND = re.compile(r"<(/[^:<>]+):\d+>")

Naming = Callable[[int], str]


def readable(text: str, person: Naming, role: Naming, channel: Naming) -> str:
    """Names instead of ids, and emoji and commands as they are typed.

    Args:
        text: As Discord has it.
        person: The name of a person by id; the others likewise.
        role: Of a role.
        channel: Of a channel.
    """
    text = _PERSON.sub(lambda found: "@" + person(int(found[1])), text)
    text = _ROLE.sub(lambda found: "@" + role(int(found[1])), text)
    text = _CHANNEL.sub(lambda found: "#" + channel(int(found[1])), text)
    return _COMMAND.sub(r"\1", _EMOJI.sub(r"\1", text))
