"""What the Discord adapter is given in tests, and builders of the records it gets."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

from bots.adapter import AdapterPorts, CommandAnswer, CommandSpec
from bots.discord_bot.adapter import DiscordAdapter
from bots.places import Places
from bots.routing import Origin, scope_of
from engine.records import OutboxItem, Turn
from engine.store import Acceptance
from tests.bots.kept_threads import KeptThreads

NOW = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
TABLE = (
    CommandSpec(
        words="memory show", summary="What I keep in mind", options={"topic?": "Only about this"}
    ),
    CommandSpec(words="memory search", summary="Search", options={"query": "What to look for"}),
    CommandSpec(words="memory forget-me", summary="Erase everything about you"),
    CommandSpec(
        words="memory edit",
        summary="Edit",
        options={"item": "Which", "text?": "What it says"},
        completed=("item",),
        form="text",
    ),
    CommandSpec(words="memory remember", summary="Keep", menu="Remember this"),
    CommandSpec(words="new", summary="A fresh conversation"),
    CommandSpec(words="help", summary="This list " + "and more " * 20),
    CommandSpec(
        words="agent reset", summary="Wipe", options={"target": "room, or user"}, admin=True
    ),
    CommandSpec(words="agent import", summary="Read an archive", admin=True, takes_file=True),
)


class RecordingInbox:
    """Keeps events and lets a test wait for them."""

    def __init__(self):
        self.events = []
        self.changes = []
        self.stops = []
        self.knows = True
        self.closed = []
        self.failure = None
        self._changed = asyncio.Condition()

    async def submit(self, event):
        if self.failure is not None:
            raise self.failure
        async with self._changed:
            self.events.append(event)
            self._changed.notify_all()
        return Acceptance(outcome="queued", turn_id=f"turn-{len(self.events)}")

    async def stop(self, scope, notice=""):
        return 0

    async def close_place(self, key):
        self.closed.append(key)

    async def stop_asked(self, tenant, source_key, actor, notice):
        self.stops.append((tenant, source_key, actor))
        return True

    async def edit(self, tenant, source_key, text):
        self.changes.append((tenant, source_key, text))
        return self.knows

    async def delete(self, tenant, source_keys):
        self.changes += [(tenant, key, None) for key in source_keys]
        return len(source_keys)

    async def has(self, count):
        async with self._changed, asyncio.timeout(20):
            await self._changed.wait_for(lambda: len(self.events) >= count)

    @property
    def texts(self):
        return [event.text for event in self.events]


class RecordingRunner:
    """Answers every command with what the test put there."""

    def __init__(self):
        self.requests = []
        self.answer = CommandAnswer(text="Done, and only you see it.")
        self.failure = None
        self.kept = []
        self.values = []
        self.written = ""

    async def keep(self, request, choice):
        self.kept.append(choice)
        return replace(choice, command="kept", arguments={"key": str(len(self.kept) - 1)})

    async def run(self, request):
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        if request.confirmed:
            return CommandAnswer(text="Erased.")
        return self.answer

    async def suggest(self, request, option, typed):
        self.requests.append(request)
        return [value for value in self.values if typed in value]

    async def form_text(self, request):
        return self.written


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


def make_adapter(inbox=None, runner=None, **more):
    return DiscordAdapter(
        more.pop("token", "token"),
        AdapterPorts(
            inbox=inbox or RecordingInbox(),
            commands=runner or RecordingRunner(),
            command_table=more.pop("table", TABLE),
            now=more.pop("now", Clock()),
            places=more.pop("places", None) or Places(),
            threads=more.pop("threads", None) or KeptThreads(),
        ),
        **more,
    )


def scope_for(user="7", room=None, team="*", thread=None):
    return scope_of(Origin(platform="discord", team=team, user=user, room=room, thread=thread))


def make_item(channel, message=None, text="Hello", nonce="01J0NONCE", scope=None):
    address = {"channel": str(channel)}
    if message is not None:
        address["message"] = str(message)
    scope = scope or scope_for()
    return OutboxItem(
        id="item",
        seq=1,
        turn_id="turn",
        scope=scope,
        place=scope.conversation_id,
        address=json.dumps(address),
        text=text,
        kind="answer",
        state="sending",
        attempts=1,
        nonce=nonce,
        created_at=NOW,
    )


def make_turn(channel, turn_id="turn"):
    scope = scope_for()
    return Turn(
        id=turn_id,
        seq=1,
        scope=scope,
        kind="user_message",
        state="running",
        attempt=1,
        steps=0,
        place=scope.conversation_id,
        place_name="a direct message",
        address=json.dumps({"channel": str(channel)}),
        speaker_name="Ada",
        source_key="discord:1/2",
        created_at=NOW,
    )


def item_for(event, text="Hello", nonce="01J0NONCE"):
    address = json.loads(event.address)
    return make_item(address["channel"], address["message"], text, nonce, event.scope)
