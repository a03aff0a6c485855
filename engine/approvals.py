"""Calls that wait for a person's yes: asked in the chat, kept in the database, run once or never.

A call that was begun when the process died is never run again; the agent is told that nobody knows
what came of it.
"""

import json
import secrets
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from engine.chat_model import HEARTBEAT, ToolCall
from engine.choices import Choice
from engine.config import MemoryConfig
from engine.context_window import cut_text
from engine.errors import BadRequest, ModelMistake, NotAllowed
from engine.events import clock
from engine.prompts import load_prompt
from engine.records import Approval, IncomingEvent, Reply, Scope
from engine.store import Acceptance, Store
from engine.tokens import TokenCounter
from engine.tools import Draft, Provenance, Toolbox, ToolContext

Submit = Callable[[IncomingEvent], Awaitable[Acceptance]]
_MOST_WAITING = 20  # of one agent; more would only bury the ones that matter
_SHOWN_CHARS = 1500

_REQUEST = (
    "**{tool}** wants to run with\n```json\n{arguments}\n```\n"
    "Nothing happens before somebody allows it, as `{id}`, until {until}."
)
_UNKNOWN = (
    "The bot was stopped while it ran, so nobody knows whether it was done. It is not run again; "
    "the person should look."
)
_REFUSED = "It was refused and has not been run."
_LATE = "Nobody allowed it in time, so it was not run."


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody says to a call that waits.

    Attributes:
        scope: Of the place where it is said.
        is_admin: Whether they are an admin there.
    """

    scope: Scope
    approval_id: str
    actor: str
    is_admin: bool
    approved: bool


async def ask(call: ToolCall, context: ToolContext, *, minutes: int) -> str:
    """Put a call before a person; the words for the model.

    Args:
        call: As the model wrote it, its arguments checked.
        context: Of the turn, whose step stores the request and tells the person.
        minutes: How long it may be allowed.

    Raises:
        ModelMistake: Too many calls wait already.
    """
    now = context.now()
    waiting = [*await context.store.waiting_approvals(context.scope, now), *context.draft.approvals]
    for known in waiting:
        if (known.tool, known.arguments) == (call.name, call.arguments):
            return f"This call waits for approval already, as {known.id}. Do not repeat it."
    if len(waiting) >= _MOST_WAITING:
        raise ModelMistake("Too many calls wait for approval; ask people to decide them first.")
    approval = Approval(
        id=secrets.token_hex(4),
        turn=context.turn,
        tool=call.name,
        arguments=call.arguments,
        asked_at=now,
        expires_at=now + timedelta(minutes=minutes),
    )
    context.draft.approvals.append(approval)
    context.draft.replies.append(_request(approval, context.zone))
    return (
        f"Waiting for approval as {approval.id} until {clock(approval.expires_at, context.zone)}. "
        "The person was asked; you will be told what came of it. Do not repeat the call."
    )


def _request(approval: Approval, zone: ZoneInfo) -> Reply:
    text = _REQUEST.format(
        tool=approval.tool,
        arguments=shown_arguments(approval, _SHOWN_CHARS),
        id=approval.id,
        until=clock(approval.expires_at, zone),
    )
    allow = Choice(label="Allow", command="approve", arguments={"id": approval.id})
    refuse = Choice(label="Refuse", command="deny", arguments={"id": approval.id}, danger=True)
    return Reply(text=text, kind="notice", choices=(allow, refuse))


def shown_arguments(approval: Approval, chars: int) -> str:
    """A call's arguments for who decides: nothing invisible, and no end of the code block."""
    arguments = json.loads(approval.arguments or "{}")
    arguments.pop(HEARTBEAT, None)
    text = json.dumps(arguments, ensure_ascii=False)
    plain = (
        f"\\u{ord(char):04x}" if char == "`" or unicodedata.category(char)[0] == "C" else char
        for char in text
    )
    return cut_text("".join(plain), chars)


class Approvals:
    """Decides calls that wait, runs those that are allowed, and tells their agent.

    Args:
        store: Keeps them.
        toolbox: Runs them.
        config: Sizes, for the tools.
        counter: Counts what results take, for the tools.
        now: The clock.
        zone: The agents' time zone.
    """

    def __init__(
        self,
        *,
        store: Store,
        toolbox: Toolbox,
        config: MemoryConfig,
        counter: TokenCounter,
        now: Callable[[], datetime],
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._toolbox = toolbox
        self._config = config
        self._counter = counter
        self._now = now
        self._zone = zone

    async def decide(self, decision: Decision, submit: Submit) -> str | None:
        """Run or refuse a call.

        Args:
            decision: By whom, about which, and how.
            submit: Takes the event that tells the agent.

        Returns:
            The turn in which the agent answers, if there is one.

        Raises:
            BadRequest: No such call waits here any more.
            NotAllowed: It is not theirs to decide.
        """
        approval = await self._store.approval(decision.scope, decision.approval_id)
        if approval is None:
            raise BadRequest(f"Nothing waits here as `{decision.approval_id}`; it may be too late.")
        _check_right(approval, decision)
        if approval.expires_at <= self._now():
            until = clock(approval.expires_at, self._zone)
            raise BadRequest(f"That could be allowed until {until}; ask for it again.")
        state: Literal["approved", "denied"] = "approved" if decision.approved else "denied"
        if not await self._store.decide_approval(approval, state, decision.actor, self._now()):
            raise BadRequest("That is decided already.")
        outcome = await self._run(approval) if decision.approved else _REFUSED
        return await self._tell(approval, outcome, submit)

    async def resume(self, submit: Submit) -> None:
        """Tell the agents of calls that were decided when an earlier process ended."""
        outcomes = {"approved": _UNKNOWN, "denied": _REFUSED, "expired": _LATE}
        for approval in await self._store.untold_approvals():
            await self._tell(approval, outcomes[approval.state], submit)

    async def expire(self, submit: Submit) -> None:
        """End calls that nobody decided in time, and tell their agents."""
        await self._store.expire_approvals(self._now())
        for approval in await self._store.untold_approvals():
            if approval.state == "expired":  # others are being told of by whoever decided
                await self._tell(approval, _LATE, submit)

    async def _run(self, approval: Approval) -> str:
        turn = approval.turn
        context = ToolContext(
            scope=turn.scope,
            turn=turn,
            provenance=Provenance.of(turn),
            store=self._store,
            config=self._config,
            memory={},
            draft=Draft(),
            counter=self._counter,
            now=self._now,
            zone=self._zone,
        )
        call = ToolCall(id=approval.id, name=approval.tool, arguments=approval.arguments)
        result = await self._toolbox.run(call, context, approved=True)
        status = "It was allowed and has run" if result.ok else "It was allowed, but failed"
        if context.draft.replies:
            return f"{status}, but a file of a tool that waits for a yes is not sent."
        return f"{status}: {result.message}"

    async def _tell(self, approval: Approval, outcome: str, submit: Submit) -> str | None:
        """Once, however often it is tried: the event's id is the approval's."""
        if await self._store.approval(approval.turn.scope, approval.id) is None:
            return None  # forgotten or reset while it ran
        acceptance = await submit(self._event(approval, outcome))
        await self._store.end_approval(approval)
        return acceptance.turn_id if acceptance.outcome == "queued" else None

    def _event(self, approval: Approval, outcome: str) -> IncomingEvent:
        turn = approval.turn
        text = load_prompt("approval").format(
            tool=approval.tool,
            id=approval.id,
            arguments=shown_arguments(approval, _SHOWN_CHARS),
            outcome=outcome,
        )
        return IncomingEvent(
            event_id=f"approval:{approval.id}",
            source_key=f"{turn.source_key}/approval/{approval.id}",  # goes with its message
            kind="approval",
            scope=turn.scope,
            place=turn.place,
            place_name=turn.place_name,
            address=turn.address,
            speaker_name=turn.speaker_name,
            text=text,
            sent_at=self._now(),
        )


def _check_right(approval: Approval, decision: Decision) -> None:
    """The person who asked may decide, in a room an admin too; a private place has one person."""
    asked = approval.turn.scope
    if asked.audience == "room" and decision.actor != asked.speaker and not decision.is_admin:
        raise NotAllowed("Only the person who asked for it, or an admin, may decide that.")
