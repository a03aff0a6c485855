"""Scheduled messages: how the model plans to come back to something, and takes that back."""

import json
from typing import Annotated

from pydantic import AliasChoices, Field
from ulid import ULID

from engine.due_times import planned, shown_time, zone_named
from engine.errors import ModelMistake
from engine.records import Schedule
from engine.tools import Tool, ToolContext, make_tool
from engine.turn_log import HEARTBEAT

_MOST_OPEN = 20
_MOST_REASON_CHARS = 500
_MOST_RULE_CHARS = 100
_FOR_NOBODY = "Only what a person asks for is scheduled, and nobody is speaking now."

When = Annotated[
    str,
    Field(validation_alias=AliasChoices("when", "time", "cron", "at"), max_length=_MOST_RULE_CHARS),
]
Reason = Annotated[
    str,
    Field(validation_alias=AliasChoices("reason", "message"), max_length=_MOST_REASON_CHARS),
]
ScheduleId = Annotated[str, Field(validation_alias=AliasChoices("schedule_id", "id"))]


async def schedule_message(context: ToolContext, when: When, reason: Reason) -> str:
    """Be given the reason again at a time, so that you can write to the person then.

    Args:
        when: "2026-11-30 18:30", or cron text for again and again: "30 18 * * 1-5". Their time.
        reason: What you will have to say or do.
    """
    if context.turn.kind == HEARTBEAT:
        raise ModelMistake(_FOR_NOBODY)
    if not reason.strip():
        raise ModelMistake("reason is empty; write what it is for.")
    if len(await _open(context)) >= _MOST_OPEN:
        raise ModelMistake(f"There are {_MOST_OPEN} schedules here already; cancel one first.")
    zone = zone_named(await context.store.timezone_of(context.scope.speaker or ""), context.zone)
    now = context.now()
    rule, first = planned(when, zone, now)
    schedule = Schedule(
        id=str(ULID.from_datetime(now)),
        scope=context.scope,
        rule=rule,
        timezone=zone.key,
        reason=reason.strip(),
        author_name=context.turn.speaker_name,
        source_key=context.turn.source_key,
        place=context.turn.place,
        place_name=context.turn.place_name,
        address=context.turn.address,
        next_at=first,
        created_at=now,
    )
    context.draft.schedules.append(schedule)
    again = f", then by {rule}" if rule else ""
    until = context.quiet and context.quiet.end_after(first)
    late = f" Quiet hours hold it back until {shown_time(until, zone)}; say so." if until else ""
    return f"Scheduled as {schedule.id}: {shown_time(first, zone)}{again}.{late}"


async def list_schedules(context: ToolContext) -> str:
    """List what is scheduled in this conversation."""
    found = await _open(context)
    if not found:
        return "Nothing is scheduled here."
    return json.dumps([_row(context, one) for one in found], ensure_ascii=False)


async def cancel_schedule(context: ToolContext, schedule_id: ScheduleId) -> str:
    """Cancel a scheduled message.

    Args:
        schedule_id: As list_schedules shows it.
    """
    found = next((one for one in await _open(context) if one.id == schedule_id.strip()), None)
    if found is None:
        raise ModelMistake("There is no such schedule here; list_schedules shows what there is.")
    if found.scope.speaker != context.scope.speaker:
        raise ModelMistake(f"{found.author_name} asked for that one; only they can cancel it.")
    if found in context.draft.schedules:
        context.draft.schedules.remove(found)
    else:
        context.draft.cancelled_schedules.append(found.id)
    return "Cancelled."


def schedule_tools() -> list[Tool]:
    """The functions about scheduled messages."""
    return [make_tool(tool) for tool in (schedule_message, list_schedules, cancel_schedule)]


async def _open(context: ToolContext) -> list[Schedule]:
    """What is scheduled in the conversation, as this step leaves it."""
    stored = await context.store.schedules(context.scope)
    kept = [one for one in stored if one.id not in context.draft.cancelled_schedules]
    return [*kept, *context.draft.schedules]


def _row(context: ToolContext, schedule: Schedule) -> dict[str, str]:
    zone = zone_named(schedule.timezone, context.zone)
    row = {
        "id": schedule.id,
        "next": shown_time(schedule.next_at, zone) if schedule.next_at else "rests",
        "reason": schedule.reason,
        "by": schedule.author_name,
    }
    return row | {"rule": schedule.rule} if schedule.rule else row
