"""Records with sensible values, so that a test names only what it is about."""

from datetime import UTC, datetime

from ulid import ULID

from engine.records import IncomingEvent, Message, Scope

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ADA = "console:local/ada"


def dm_scope(user="ada"):
    agent = f"console:local/user/{user}"
    return Scope(
        tenant="console:local",
        agent_id=agent,
        conversation_id=f"{agent}/main",
        speaker=f"console:local/{user}",
        audience="private",
    )


def room_scope(user="ada", room="lounge"):
    agent = f"console:local/channel/{room}"
    return Scope(
        tenant="console:local",
        agent_id=agent,
        conversation_id=f"{agent}/main",
        speaker=f"console:local/{user}",
        audience="room",
    )


def event(text="Hello", *, scope=None, key=None, name="Ada", **changes):
    scope = scope or dm_scope()
    key = key or str(ULID())
    values = {
        "event_id": f"console:event:{key}",
        "source_key": f"console:{scope.conversation_id}/{key}",
        "scope": scope,
        "place": scope.conversation_id,
        "place_name": "the terminal",
        "address": "{}",
        "speaker_name": name,
        "text": text,
        "sent_at": NOON,
    }
    return IncomingEvent(**(values | changes))


def message(**changes):
    values = {
        "id": str(ULID()),
        "scope": dm_scope(),
        "turn_id": "turn",
        "role": "user",
        "kind": "user_message",
        "text": "Hello",
        "payload": '{"role": "user", "content": "Hello"}',
        "tokens": 8,
        "sent_at": NOON,
    }
    return Message(**(values | changes))
