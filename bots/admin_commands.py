"""The commands with which admins look after a server or workspace, and operators after the bot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from bots.adapter import CommandAnswer, CommandRequest
from bots.allowances import Allowances
from bots.backups import backup_file
from bots.commands import Handler
from bots.costs import Price, cost_text, total_cost
from bots.operations import Operations
from bots.rights import Rights
from bots.times import MINUTE
from engine.errors import BadRequest, NotAllowed
from engine.oversight import AuditRow, UsageRow
from engine.store import Store

_USAGE_DAYS, _MOST_DAYS = 30, 365
_AUDIT_ROWS, _MOST_ROWS = 20, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminCommands:
    """``agent usage``, ``audit``, ``backup``, ``doctor``.

    Attributes:
        store: The memory.
        rights: Who may reach beyond a tenant.
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
            "agent usage": self._usage,
            "agent audit": self._audit,
            "agent backup": self._backup,
            "agent doctor": self._doctor,
        }

    def _operations(self, request: CommandRequest) -> Operations:
        return Operations(self.store, self.now, request.actor)

    def _reach(self, request: CommandRequest) -> str | None:
        """The tenant an admin may see; None for all of them."""
        return None if self.rights.is_operator(request) else request.scope.tenant

    def _require_operator(self, request: CommandRequest) -> None:
        if not self.rights.is_operator(request):
            raise NotAllowed(request.say("answer.operators_only"))

    async def _usage(self, request: CommandRequest) -> CommandAnswer:
        days = number(request, "days", _USAGE_DAYS, _MOST_DAYS)
        rows = await self._operations(request).usage(days, self._reach(request))
        if not rows:
            return CommandAnswer(text=request.say("usage.nothing", days=days))
        head = request.say("usage.heading", days=days)
        prices = self.allowances.configured.prices
        return CommandAnswer(text="\n".join([head, *_summary(rows, prices, request)]))

    async def _audit(self, request: CommandRequest) -> CommandAnswer:
        limit = number(request, "limit", _AUDIT_ROWS, _MOST_ROWS)
        rows = await self._operations(request).audit(limit, self._reach(request))
        lines = [_act(row) for row in rows] or [request.say("audit.nothing")]
        return CommandAnswer(text="\n".join(lines))

    async def _backup(self, request: CommandRequest) -> CommandAnswer:
        self._require_operator(request)
        file = backup_file(self.allowances.configured.backups, self.now())
        await self._operations(request).backup(file)
        return CommandAnswer(text=request.say("backup.done", file=file.name))

    async def _doctor(self, request: CommandRequest) -> CommandAnswer:
        from bots.doctor.examination import examine
        from bots.doctor.report import report_lines

        self._require_operator(request)
        lines = report_lines(await examine())
        return CommandAnswer(text="\n".join(["```", *lines, "```"]))


def number(request: CommandRequest, option: str, default: int, most: int) -> int:
    """An option that is a number from 1 on; a larger one than makes sense is taken as the most.

    Raises:
        BadRequest: It is none.
    """
    typed = request.arguments.get(option, "").strip() or str(default)
    if not typed.isdecimal() or not int(typed):
        raise BadRequest(request.say("usage.number", option=option))
    return min(int(typed), most)


def _summary(
    rows: list[UsageRow], prices: Mapping[str, Price], request: CommandRequest
) -> list[str]:
    """Tokens and cost of each model and purpose, and in all."""
    kinds = sorted(rows, key=lambda row: (row.model, row.purpose))
    lines = [
        f"- {model}, {purpose}: {_tokens(list(group), prices, request)}"
        for (model, purpose), group in groupby(kinds, key=lambda row: (row.model, row.purpose))
    ]
    return [*lines, f"- {request.say('usage.in_all')}: {_tokens(rows, prices, request)}"]


def _tokens(rows: list[UsageRow], prices: Mapping[str, Price], request: CommandRequest) -> str:
    used = request.say(
        "usage.tokens",
        calls=sum(row.calls for row in rows),
        read=sum(row.input_tokens for row in rows),
        cached=sum(row.cached_tokens for row in rows),
        written=sum(row.output_tokens for row in rows),
    )
    cost = total_cost(rows, prices)
    return used if cost is None else f"{used}, {request.say('usage.cost', cost=cost_text(cost))}"


def _act(row: AuditRow) -> str:
    detail = f" ({row.detail})" if row.detail else ""
    return f"- {row.at:{MINUTE}} `{row.actor}` {row.action} `{row.subject}`{detail}"
