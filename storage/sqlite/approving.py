"""The part of the store that keeps calls which wait for a person's yes."""

from datetime import datetime
from typing import Literal

from engine.records import Approval, Scope
from storage.sqlite import approvals
from storage.sqlite.database import Database

__all__ = ["Approving"]


class Approving:
    """Approvals, beside the turns that asked for them; the store gives it everything it needs."""

    _database: Database

    async def waiting_approvals(self, scope: Scope, at: datetime) -> list[Approval]:
        """What the scope's agent asked and can still be decided, the oldest first."""
        return await self._database.read(lambda c: approvals.waiting(c, scope, at))

    async def approval(self, scope: Scope, approval_id: str) -> Approval | None:
        """One of the scope's agent, whatever became of it."""
        return await self._database.read(lambda c: approvals.known(c, scope, approval_id))

    async def untold_approvals(self) -> list[Approval]:
        """Decided ones of all agents of whose outcome the agent was not told."""
        return await self._database.read(approvals.untold)

    async def decide_approval(
        self, approval: Approval, state: Literal["approved", "denied"], actor: str, at: datetime
    ) -> bool:
        """Decide what nobody has decided yet and is not too late; whether it was."""
        return await self._database.write(lambda c: approvals.decide(c, approval, state, actor, at))

    async def expire_approvals(self, at: datetime) -> None:
        """End what nobody decided in time."""
        await self._database.write(lambda c: approvals.expire(c, at))

    async def end_approval(self, approval: Approval) -> None:
        """Note that the agent was told what came of it."""
        await self._database.write(lambda c: approvals.end(c, approval))
