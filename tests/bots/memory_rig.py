"""A real database with turns and replies in it, for what surrounds the engine."""

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import count

from bots.routing import Origin, scope_of
from engine.agent import starting_blocks
from engine.config import EngineConfig
from engine.records import IncomingEvent, Message, Reply, StepCommit
from engine.store import AcceptRequest
from engine.testing import FixedClock
from storage.sqlite.store import SqliteStore

_numbers = count(1)


def scope(user="ada", room=None, platform="console", team="local"):
    return scope_of(Origin(platform=platform, team=team, user=user, room=room))


def event(where, text, clock):
    number = next(_numbers)
    return IncomingEvent(
        event_id=f"event-{number}",
        source_key=f"source-{number}",
        scope=where,
        place=where.agent_id,
        place_name="place",
        address=json.dumps({}),
        speaker_name=(where.speaker or "").rpartition("/")[2].title(),
        text=text,
        sent_at=clock(),
    )


class Memory:
    """A store, and a hand that writes turns into it as the engine would."""

    def __init__(self, store, clock):
        self.store = store
        self.clock = clock

    async def accept(self, where, text="hello"):
        """An event whose turn waits; the turn."""
        made = event(where, text, self.clock)
        turn_id = f"turn-{next(_numbers):06}"
        message = Message(
            id=turn_id,
            scope=where,
            turn_id=turn_id,
            role="user",
            kind="user_message",
            author=where.speaker,
            author_name=made.speaker_name,
            text=text,
            payload=json.dumps({"role": "user", "content": text}),
            tokens=10,
            source_key=made.source_key,
            sent_at=self.clock(),
        )
        request = AcceptRequest(
            event=made,
            message=message,
            turn_id=turn_id,
            blocks=starting_blocks(made, EngineConfig()),
            max_queued=100,
            busy_notice="busy",
            at=self.clock(),
        )
        await self.store.accept(request)
        return await self.store.next_turn(where.agent_id)

    async def reply(self, where, *texts, said="hello"):
        """A finished turn with these replies in the outbox."""
        turn = await self.accept(where, said)
        commit = StepCommit(
            turn=turn,
            step=1,
            replies=tuple(one if isinstance(one, Reply) else Reply(text=one) for one in texts),
            state="done",
            at=self.clock(),
        )
        await self.store.commit_step(commit)
        return turn

    async def due(self, platform="console"):
        return await self.store.outbox_due(platform, self.clock(), 100)


@asynccontextmanager
async def open_memory(folder, clock=None):
    clock = clock or FixedClock()
    store = await SqliteStore.open(folder / "membot.db", embedder=None, now=clock)
    try:
        yield Memory(store, clock)
    finally:
        await store.close()


async def until(condition, seconds=5.0):
    """Give the event loop turns until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0)


async def deliver_all(rig, sender, platform):
    """Wait for the turn that answers, and send all that comes of it."""
    sent, working = 0, True
    while working:
        await asyncio.sleep(0)
        working = not sent or await rig.store.agents_with_turns()
        while due := await rig.store.outbox_due(platform, rig.clock(), 9):
            for item in due:
                await sender._deliver(item)
                sent += 1
