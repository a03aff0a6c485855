"""The commands ``approve`` and ``deny``: what people say to calls that wait for their yes."""

from typing import Protocol

from bots.adapter import CommandAnswer, CommandRequest, Inbox
from bots.texts import text
from engine.approvals import Decision, shown_arguments
from engine.budgets import Spent
from engine.disputes import Disputes
from engine.pinning import Pinning
from engine.records import Approval, Scope

_SHOWN_CHARS = 200


class Turns(Inbox, Protocol):
    """An inbox that also takes decisions, and what people say of memory, and tries again."""

    @property
    def disputes(self) -> Disputes:
        """Withdraws what is not true."""
        ...

    @property
    def pinning(self) -> Pinning:
        """Keeps the gist of what is about to be summarised."""
        ...

    async def spent(self, scope: Scope) -> list[Spent]:
        """What was used today of each budget that holds at a scope."""
        ...

    async def retry(self, scope: Scope) -> str | None:
        """Answer the speaker's last message again if that failed; its turn."""
        ...

    async def decide(self, decision: Decision) -> str | None:
        """Run or refuse a call that waits for a person; the turn in which the agent says so."""
        ...


async def decide(
    turns: Turns, request: CommandRequest, *, is_admin: bool, approved: bool
) -> CommandAnswer:
    """Carry a decision out; the agent says what came of it in its own turn."""
    approval_id = request.arguments.get("id", "").strip().strip("`").lower()
    decision = Decision(
        scope=request.scope,
        approval_id=approval_id,
        actor=request.actor,
        is_admin=is_admin,
        approved=approved,
    )
    turn_id = await turns.decide(decision)
    key = "approve.allowed" if approved else "approve.refused"
    return CommandAnswer(text=request.say(key), turn_id=turn_id)


def waiting_answer(waiting: list[Approval], locale: str) -> CommandAnswer:
    """What can be decided at a place."""
    if not waiting:
        return CommandAnswer(text=text(locale, "approve.nothing"))
    lines = [
        text(
            locale,
            "approve.request",
            id=one.id,
            tool=one.tool,
            name=one.turn.speaker_name,
            arguments=shown_arguments(one, _SHOWN_CHARS),
        )
        for one in waiting
    ]
    return CommandAnswer(
        text="\n".join([text(locale, "approve.waiting"), *(f"- {line}" for line in lines)])
    )
