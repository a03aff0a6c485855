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
    EVERYONE,
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
_IDS = {"slack": re.compile(r"[A-Z0-9]+"), "discord": re.compile(r"\d+")}
_KINDS = ("user", "role", "channel")
_LARGEST = 10**12


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
            return CommandAnswer(text=request.say("allow.channel", name=name))
        await self._set(request, place, ACCESS, ALLOW)
        return CommandAnswer(text=request.say(f"allow.{kind}", name=name))

    async def _deny(self, request: CommandRequest) -> CommandAnswer:
        kind, name, place = _whom(request)
        if kind == "channel":
            await self._set(request, place, "mode", "off")
            await self._set(request, place, "outsiders", None)
            return CommandAnswer(text=request.say("deny.channel", name=name))
        await self._set(request, place, ACCESS, DENY)
        return CommandAnswer(text=request.say(f"deny.{kind}", name=name))

    async def _budget(self, request: CommandRequest) -> CommandAnswer:
        payer, limit = _one_of(request, "payer", PAYERS), _one_of(request, "limit", LIMITS)
        typed = request.arguments.get("amount", "").strip().lower()
        if payer and limit and typed:
            amount = None if typed == UNLIMITED else _amount(request, typed)
            most = getattr(getattr(self.allowances.configured.budgets, payer), limit)
            self._require_within(request, amount or 0, most)
            name = budget_setting(payer, limit)
            value = UNLIMITED if amount is None else str(amount)
            await self._set(request, everywhere_in(request.scope.tenant), name, value)
        elif payer or limit or typed:
            raise BadRequest(request.say("budget.say_whole"))
        return CommandAnswer(text=self._budgets_text(request))

    def _budgets_text(self, request: CommandRequest) -> str:
        budgets = self.allowances.budgets(request.scope)
        lines = [request.say("budget.heading")]
        for payer in PAYERS:
            requests, tokens = (_limit(request, budgets, payer, limit) for limit in LIMITS)
            lines.append(request.say(f"budget.{payer}", requests=requests, tokens=tokens))
        return "\n".join(lines)

    async def _retention(self, request: CommandRequest) -> CommandAnswer:
        tenant = request.scope.tenant
        typed = request.arguments.get("days", "").strip().lower()
        if not typed:
            return CommandAnswer(text=_kept(request, "is", self.allowances.recall_days(tenant)))
        days = 0 if typed == UNLIMITED else _amount(request, typed)
        self._require_within(request, days, self.allowances.configured.recall_days or None)
        if not request.confirmed:
            asked = _kept(request, "will_be", days)
            return CommandAnswer(text=asked, confirm=request.say("retention.button"))
        await self._set(request, everywhere_in(tenant), RECALL_DAYS, str(days))
        return CommandAnswer(text=_kept(request, "from_now", days))

    def _require_within(self, request: CommandRequest, wanted: int, most: int | None) -> None:
        """A tenant's own admins may be stricter than the operator; 0 wants no limit at all.

        Raises:
            NotAllowed: They want to go beyond.
        """
        beyond = most is not None and (not wanted or wanted > most)
        if beyond and not self.rights.is_operator(request):
            raise NotAllowed(request.say("budget.less_only", most=most))

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
    named = named_id(request, typed)
    if named is None:
        raise BadRequest(request.say(f"whom.{kind}"))
    tenant, name = named
    if tenant != request.scope.tenant:
        raise BadRequest(request.say("whom.this_workspace"))
    return kind, name, f"{tenant}/{kind}/{name}"


def named_id(request: CommandRequest, typed: str) -> tuple[str, str] | None:
    """Tenant and id that a mention, an id or a key means; a name that people see means nobody."""
    found = _WHO.fullmatch(typed)
    if found is None:
        return None
    tenant = typed.partition("/")[0] if "/" in typed else request.scope.tenant
    known = _IDS.get(tenant.partition(":")[0])
    if known is None:
        return tenant, found[1].casefold()
    return (tenant, found[1]) if known.fullmatch(found[1]) or found[1] == EVERYONE else None


def _one_of(request: CommandRequest, option: str, known: Sequence[str]) -> str | None:
    typed = request.arguments.get(option, "").strip().lower().replace("-", "_")
    if typed and typed not in known:
        values = ", ".join(known)
        raise BadRequest(request.say("whom.values", option=option, values=values))
    return typed or None


def _amount(request: CommandRequest, typed: str) -> int:
    digits = typed.replace(",", "").replace("_", "")
    if not digits.isdecimal() or not 0 < int(digits) <= _LARGEST:
        raise BadRequest(request.say("budget.number", unlimited=UNLIMITED))
    return int(digits)


def _limit(request: CommandRequest, budgets: Budgets, payer: str, limit: str) -> str:
    most = getattr(getattr(budgets, payer), limit)
    return request.say("budget.unlimited") if most is None else f"{most:,}"


def _kept(request: CommandRequest, tense: str, days: int) -> str:
    kept = request.say("retention.days" if days else "retention.always", days=days)
    return request.say(f"retention.{tense}", kept=kept)
