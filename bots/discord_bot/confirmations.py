"""What a confirmation button stands for: in the button itself where that fits, else in memory.

A question whose command fits into the button survives a restart; one with a file does not.
"""

import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from bots.adapter import AnswerFile

_CODE_CHARS = 100  # Discord's limit for a custom_id
_MOST_WAITING = 50
_LIFETIME = timedelta(minutes=15)  # as long as Discord lets us answer the command
_CODE = re.compile(r"membot:(yes|no):(\d+):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command that waits for its second step."""

    words: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    file: AnswerFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A pressed or offered button.

    Attributes:
        asker: The only one who may press it.
        what: JSON of the command, or ``#`` and the key of what waits in memory.
    """

    yes: bool
    asker: int
    what: str

    @property
    def code(self) -> str:
        """Its ``custom_id``."""
        return f"membot:{'yes' if self.yes else 'no'}:{self.asker}:{self.what}"

    @classmethod
    def parse(cls, code: str) -> Self | None:
        """The button with this ``custom_id``, or None when it is not one of ours."""
        found = _CODE.fullmatch(code)
        if found is None:
            return None
        return cls(yes=found[1] == "yes", asker=int(found[2]), what=found[3])


class Confirmations:
    """Questions that wait for an answer, within a bound."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._waiting: OrderedDict[str, tuple[datetime, Asked]] = OrderedDict()

    def ask(self, asker: int, asked: Asked) -> tuple[str, str]:
        """The ``custom_id`` of the confirming and of the cancelling button."""
        compact = json.dumps([asked.words, dict(asked.arguments)], separators=(",", ":"))
        yes = Button(yes=True, asker=asker, what=compact)
        if asked.file is not None or len(yes.code) > _CODE_CHARS:
            yes = Button(yes=True, asker=asker, what=self._keep(asked))
        return yes.code, Button(yes=False, asker=asker, what=yes.what).code

    def take(self, button: Button) -> Asked | None:
        """What was asked; None when it is no longer known."""
        self._drop_old()
        if button.what.startswith("#"):
            _, asked = self._waiting.pop(button.what, (None, None))
            return asked
        words, arguments = json.loads(button.what)
        return Asked(words=words, arguments=arguments)

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
