"""What a button stands for: in the button itself, or in memory when there is a file to it.

A command survives a restart in its button; one with a file does not.
"""

import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Self, cast

from bots.adapter import AnswerFile, Choice, PointedMessage

ANYONE = 0  # in the place of whose button it is
_CODE_CHARS = 100  # Discord's limit for a custom_id
MOST_CHARS = 68  # of a command in it; the id of a person has up to 20
_MOST_WAITING = 50
_LIFETIME = timedelta(minutes=15)  # as long as Discord lets us answer the command
ButtonKind = Literal["yes", "no", "run"]
_CODE = re.compile(r"membot:(yes|no|run):(\d+):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command that waits for a button to be pressed, for its second step or for its first."""

    words: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    file: AnswerFile | None = None
    confirmed: bool = False
    message: PointedMessage | None = None

    @classmethod
    def by(cls, choice: Choice) -> Self:
        """The command that a choice stands for."""
        return cls(words=choice.command, arguments=choice.arguments, confirmed=choice.confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A pressed or offered button.

    Attributes:
        kind: The second step of a command, leaving it, or the first step of another one.
        asker: The only one who may press it, or ``ANYONE``.
        what: JSON of the command, or ``#`` and the key of what waits in memory.
    """

    kind: ButtonKind
    asker: int
    what: str

    @classmethod
    def of(cls, asked: Asked, asker: int) -> Self:
        """The button that holds the command itself."""
        what = json.dumps([asked.words, dict(asked.arguments)], separators=(",", ":"))
        return cls(kind="yes" if asked.confirmed else "run", asker=asker, what=what)

    @property
    def fits(self) -> bool:
        """Whether Discord takes it."""
        return len(self.code) <= _CODE_CHARS

    @property
    def code(self) -> str:
        """Its ``custom_id``."""
        return f"membot:{self.kind}:{self.asker}:{self.what}"

    @classmethod
    def parse(cls, code: str) -> Self | None:
        """The button with this ``custom_id``, or None when it is not one of ours."""
        found = _CODE.fullmatch(code)
        if found is None:
            return None
        return cls(kind=cast(ButtonKind, found[1]), asker=int(found[2]), what=found[3])


class Confirmations:
    """Questions that wait for an answer, within a bound."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._waiting: OrderedDict[str, tuple[datetime, Asked]] = OrderedDict()

    def offer(self, asker: int, asked: Asked) -> Button:
        """The button that gives a command."""
        button = Button.of(asked, asker)
        return button if asked.file is None else replace(button, what=self._keep(asked))

    def take(self, button: Button) -> Asked | None:
        """What was asked; None when it is no longer known."""
        self._drop_old()
        if button.what.startswith("#"):
            _, asked = self._waiting.pop(button.what, (None, None))
            return asked
        words, arguments = json.loads(button.what)
        return Asked(words=words, arguments=arguments, confirmed=button.kind == "yes")

    def _keep(self, asked: Asked) -> str:
        self._drop_old()
        key = "#" + secrets.token_urlsafe(9)
        self._waiting[key] = (self._now(), asked)
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popitem(last=False)
        return key

    def _drop_old(self) -> None:
        oldest = self._now() - _LIFETIME
        for key in [key for key, (since, _) in self._waiting.items() if since < oldest]:
            del self._waiting[key]
