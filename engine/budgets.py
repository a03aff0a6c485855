"""What a person, a room and a tenant may use: asked before a turn, said once when little is left.

Only turns count; summaries and the work of the memory agent are kept apart in the ledger.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from engine import notices
from engine.records import Reply, Scope, Turn

Payer = Literal["person", "room", "tenant"]
PAYERS: tuple[Payer, ...] = ("person", "room", "tenant")
LITTLE_LEFT = 0.12  # of a day's tokens; from here on it is said. Source: ours (safety.md).
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one payer may use; None for as much as they like."""

    requests_per_minute: int | None = None
    tokens_per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The budget of each kind of payer."""

    person: Budget = field(default_factory=Budget)
    room: Budget = field(default_factory=Budget)
    tenant: Budget = field(default_factory=Budget)

    def limited(self, scope: Scope, limit: str) -> list[tuple[Payer, int]]:
        """Who pays for a turn of the scope and has a limit of that name."""
        found: list[tuple[Payer, int]] = []
        for payer in PAYERS:
            most = getattr(getattr(self, payer), limit)
            if most is not None and key_of(payer, scope):
                found.append((payer, most))
        return found


LIMITS = tuple(one.name for one in fields(Budget))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """How much of a day's tokens somebody has used."""

    payer: Payer
    tokens: int
    limit: int

    @property
    def left(self) -> float:
        """The share that is left, 0 when it is used up."""
        return max(0.0, 1 - self.tokens / self.limit)


class BudgetStore(Protocol):
    """What the ledger knows of a payer, and what they have been told."""

    async def tokens_used(self, scope: Scope, payer: Payer, since: datetime) -> int:
        """Tokens of turns since a time that the payer of the scope has used."""
        ...

    async def earlier_request(
        self, turn: Turn, payer: Payer, number: int, since: datetime
    ) -> datetime | None:
        """When the payer's request came that is so many before the turn, or None.

        Refused ones do not count, nor those before a time.
        """
        ...

    async def tell_once(self, turn: Turn, payer: Payer, day: str, notice: Reply) -> bool:
        """Put a notice about a day's budget in the outbox, once; whether it was now."""
        ...


class Accountant:
    """Says when somebody may use no more.

    Args:
        store: The ledger.
        budgets: The limits that hold at a scope now.
        now: The clock.
        zone: In which a day begins.
    """

    def __init__(
        self,
        *,
        store: BudgetStore,
        budgets: Callable[[Scope], Budgets],
        now: Callable[[], datetime],
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._budgets = budgets
        self._now = now
        self._zone = zone

    async def refusal(self, turn: Turn) -> str | None:
        """Why a turn may not begin, and until when, in a plain sentence; None when it may."""
        if turn.steps:
            return None
        if turn.kind == "user_message" and (sentence := await self._too_fast(turn)):
            return sentence
        used_up = next((one for one in await self.spent(turn.scope) if not one.left), None)
        if used_up is None:
            return None
        whose = notices.WHOSE[used_up.payer]
        return notices.USED_UP.format(whose=whose, limit=used_up.limit, until=self._new_day())

    async def warn(self, turn: Turn) -> bool:
        """Say once a day that little is left of it; whether a notice has just been made."""
        told = False
        for one in await self.spent(turn.scope):
            if 0 < one.left <= LITTLE_LEFT:
                text = notices.LITTLE_LEFT.format(
                    percent=max(1, round(100 * one.left)),
                    whose=notices.WHOSE[one.payer].lower(),
                    until=self._new_day(),
                )
                notice = Reply(text=text, kind="notice")
                day = f"{self._day():%Y-%m-%d}"
                told |= await self._store.tell_once(turn, one.payer, day, notice)
        return told

    async def spent(self, scope: Scope) -> list[Spent]:
        """What was used today of each budget that has a limit."""
        return [
            Spent(
                payer=payer,
                tokens=await self._store.tokens_used(scope, payer, self._day()),
                limit=limit,
            )
            for payer, limit in self._budgets(scope).limited(scope, "tokens_per_day")
        ]

    async def _too_fast(self, turn: Turn) -> str | None:
        """Requests count when they come, so that waiting in a queue saves nobody's budget."""
        for payer, limit in self._budgets(turn.scope).limited(turn.scope, "requests_per_minute"):
            since = turn.created_at - _MINUTE
            if earlier := await self._store.earlier_request(turn, payer, limit, since):
                left = (earlier + _MINUTE - self._now()).total_seconds()
                whose = notices.WHOSE[payer]
                return notices.TOO_FAST.format(
                    whose=whose, limit=limit, seconds=max(1, round(left))
                )
        return None

    def _day(self) -> datetime:
        """When today began."""
        today = self._now().astimezone(self._zone)
        return today.replace(hour=0, minute=0, second=0, microsecond=0)

    def _new_day(self) -> str:
        return f"{self._day() + timedelta(days=1):%Y-%m-%d %H:%M} ({self._zone.key})"


def key_of(payer: Payer, scope: Scope) -> str | None:
    """The key under which the ledger finds a payer; a direct message has no room."""
    if payer == "room":
        return scope.agent_id if scope.audience == "room" else None
    return scope.speaker if payer == "person" else scope.tenant
