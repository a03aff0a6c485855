"""The commands with which admins say who is let in, how much they may use, how long it is kept."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bots.adapter import CommandAnswer, CommandRequest
from bots.allowances import (
    ACCESS,
    ALLOW,
    DENY,
    RECALL_DAYS,
    UNLIMITED,
    Allowances,
    budget_setting,
    everywhere_in,
)
from bots.commands import Handler
from bots.operations import Operations
from bots.rights import Rights
from engine.budgets import LIMITS, PAYERS, Budgets
from engine.errors import BadRequest, NotAllowed
from engine.store import Store

_WHO = re.compile(r"(?:<?[@#][!&]?|(?:[^/\s]+/)+)?([\w.-]{1,64})(?:\|[^>]*)?>?")
_KINDS = ("user", "role", "channel")
_LARGEST = 10**12
_LESS_ONLY = (
    "Whoever runs the bot has set {most} for this; only people in MEMBOT_ADMINS may go beyond it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceCommands:
    """``agent allow``, ``deny``, ``budget``, ``retention``.

    Attributes:
        store: Where settings are kept.
        rights: Who may go beyond what the operator has configured.
        now: The clock.
        allowances: What holds now.
    """

    store: Store
    rights: Rights
    now: Callable[[], datetime]
    allowances: Allowances

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            "agent allow": self._allow,
            "agent deny": self._deny,
            "agent budget": self._budget,
            "agent retention": self._retention,
        }

    async def _allow(self, request: CommandRequest) -> CommandAnswer:
        kind, name, place = _whom(request)
        if kind == "channel":
            await self._set(request, place, "mode", None)
            await self._set(request, place, "outsiders", "learn")
            text = f"I answer in channel {name}, and learn there, also where guests read along."
            return CommandAnswer(text=text)
        await self._set(request, place, ACCESS, ALLOW)
        return CommandAnswer(text=f"{kind.title()} {name} is let in.")

    async def _deny(self, request: CommandRequest) -> CommandAnswer:
        kind, name, place = _whom(request)
        if kind == "channel":
            await self._set(request, place, "mode", "off")
            await self._set(request, place, "outsiders", None)
            return CommandAnswer(text=f"I say and learn nothing in channel {name} any more.")
        await self._set(request, place, ACCESS, DENY)
        text = f"{kind.title()} {name} is shut out: I do not answer, and learn nothing from them."
        return CommandAnswer(text=text)

    async def _budget(self, request: CommandRequest) -> CommandAnswer:
        payer, limit = _one_of(request, "payer", PAYERS), _one_of(request, "limit", LIMITS)
        typed = request.arguments.get("amount", "").strip().lower()
        if payer and limit and typed:
            amount = None if typed == UNLIMITED else _amount(typed)
            most = getattr(getattr(self.allowances.configured.budgets, payer), limit)
            self._require_within(request, amount or 0, most)
            name = budget_setting(payer, limit)
            value = UNLIMITED if amount is None else str(amount)
            await self._set(request, everywhere_in(request.scope.tenant), name, value)
        elif payer or limit or typed:
            raise BadRequest("Say it whole, like this: `agent budget person tokens_per_day 5000`.")
        return CommandAnswer(text=self._budgets_text(request))

    def _budgets_text(self, request: CommandRequest) -> str:
        budgets = self.allowances.budgets(request.scope)
        lines = [
            f"- {payer}: {_limit(budgets, payer, LIMITS[0])} messages a minute, "
            f"{_limit(budgets, payer, LIMITS[1])} tokens a day"
            for payer in PAYERS
        ]
        return "\n".join(["What may be used here:", *lines])

    async def _retention(self, request: CommandRequest) -> CommandAnswer:
        tenant = request.scope.tenant
        typed = request.arguments.get("days", "").strip().lower()
        if not typed:
            kept = _kept(self.allowances.recall_days(tenant))
            return CommandAnswer(text=f"What is said is kept {kept}.")
        days = 0 if typed == UNLIMITED else _amount(typed)
        self._require_within(request, days, self.allowances.configured.recall_days or None)
        if not request.confirmed:
            text = f"What is said will be kept {_kept(days)}. "
            text += "What is older will be erased within a day, with what was noted from it."
            return CommandAnswer(text=text, confirm="Keep it so")
        await self._set(request, everywhere_in(tenant), RECALL_DAYS, str(days))
        return CommandAnswer(text=f"What is said is kept {_kept(days)} from now on.")

    def _require_within(self, request: CommandRequest, wanted: int, most: int | None) -> None:
        """A tenant's own admins may be stricter than the operator; 0 wants no limit at all.

        Raises:
            NotAllowed: They want to go beyond.
        """
        beyond = most is not None and (not wanted or wanted > most)
        if beyond and not self.rights.is_operator(request):
            raise NotAllowed(_LESS_ONLY.format(most=f"{most:,}"))

    async def _set(self, request: CommandRequest, place: str, name: str, value: str | None) -> None:
        operations = Operations(self.store, self.now, request.actor)
        self.allowances.places.follow(await operations.set_place(place, name, value))


def _whom(request: CommandRequest) -> tuple[str, str, str]:
    """Kind and id of whom a command is about, and the place where their setting stands.

    Raises:
        BadRequest: It names nobody.
    """
    kind = _one_of(request, "kind", _KINDS) or "user"
    typed = request.arguments.get("who", "").strip()
    here = request.origin
    if kind == "channel" and not typed and here and here.room:
        return kind, here.room, here.place
    named = _WHO.fullmatch(typed)
    if named is None:
        raise BadRequest(f"Name the {kind} by id or key, such as slack:T1/U2 or discord:111/222.")
    tenant = typed.partition("/")[0] if "/" in typed else request.scope.tenant
    if tenant != request.scope.tenant:
        raise BadRequest("Only people, roles and channels of this workspace can be named here.")
    return kind, named[1], f"{tenant}/{kind}/{named[1]}"


def _one_of(request: CommandRequest, option: str, known: Sequence[str]) -> str | None:
    typed = request.arguments.get(option, "").strip().lower().replace("-", "_")
    if typed and typed not in known:
        raise BadRequest(f"`{option}` takes {', '.join(known)}.")
    return typed or None


def _amount(typed: str) -> int:
    digits = typed.replace(",", "").replace("_", "")
    if not digits.isdecimal() or not 0 < int(digits) <= _LARGEST:
        raise BadRequest(f"Give a number from 1 on, or `{UNLIMITED}` for no limit.")
    return int(digits)


def _limit(budgets: Budgets, payer: str, limit: str) -> str:
    most = getattr(getattr(budgets, payer), limit)
    return "any number of" if most is None else f"{most:,}"


def _kept(days: int) -> str:
    return f"{days:,} days" if days else "for ever"
