"""Records with sensible values, and short ways through the life of a turn."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ulid import ULID

from engine.records import (
    Block,
    BlockWrite,
    IncomingEvent,
    Message,
    Passage,
    Reply,
    Scope,
    StepCommit,
    Summary,
    TokenUsage,
)
from engine.store import AcceptRequest

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def later(minutes=1):
    return NOON + timedelta(minutes=minutes)


def room(user="U1", channel="C1", team="T1", thread="main"):
    agent = f"slack:{team}/channel/{channel}"
    return Scope(
        tenant=f"slack:{team}",
        agent_id=agent,
        conversation_id=f"{agent}/{thread}",
        speaker=f"slack:{team}/{user}",
        audience="room",
    )


def direct(user="U1", team="T1", platform="slack"):
    agent = f"{platform}:{team}/user/{user}"
    return Scope(
        tenant=f"{platform}:{team}",
        agent_id=agent,
        conversation_id=f"{agent}/main",
        speaker=f"{platform}:{team}/{user}",
        audience="private",
    )


def guild_room(user="222", channel="5", guild="111"):
    agent = f"discord:{guild}/channel/{channel}"
    return Scope(
        tenant=f"discord:{guild}",
        agent_id=agent,
        conversation_id=f"{agent}/main",
        speaker=f"discord:{guild}/{user}",
        audience="room",
    )


def starting_blocks(scope, name):
    persona = Block(label="persona", value="I am membot.")
    if scope.audience == "private":
        return (persona, Block(label="human"))
    about = Block(label=f"human:{scope.speaker}", owner=scope.speaker, owner_name=name)
    return (persona, Block(label="room"), about)


def event(text="Hello", *, scope=None, key=None, name="Ada", **changes):
    scope = scope or direct()
    key = key or str(ULID())
    values = {
        "event_id": f"event:{key}",
        "source_key": f"slack:{scope.agent_id}/{key}",
        "scope": scope,
        "place": scope.conversation_id,
        "place_name": "#general",
        "address": '{"channel": "C1"}',
        "speaker_name": name,
        "text": text,
        "sent_at": NOON,
    }
    return IncomingEvent(**(values | changes))


def message(text="Hello", **changes):
    values = {
        "id": str(ULID()),
        "scope": direct(),
        "turn_id": "turn",
        "role": "assistant",
        "kind": "answer",
        "text": text,
        "payload": f'{{"role": "assistant", "content": "{text}"}}',
        "tokens": 8,
        "place": "#general",
        "sent_at": NOON,
    }
    return Message(**(values | changes))


def request(text="Hello", *, max_queued=20, at=NOON, **changes):
    made = event(text, **changes)
    turn_id = str(ULID())
    return AcceptRequest(
        event=made,
        message=message(
            text,
            scope=made.scope,
            turn_id=turn_id,
            role="user",
            kind=made.kind,
            author=made.scope.speaker,
            author_name=made.speaker_name,
            source_key=made.source_key,
            payload=f'{{"role": "user", "content": "{text}"}}',
            sent_at=made.sent_at,
        ),
        turn_id=turn_id,
        blocks=starting_blocks(made.scope, made.speaker_name),
        max_queued=max_queued,
        busy_notice="I am busy.",
        at=at,
    )


def step(turn, number=None, *, says=(), replies=(), **changes):
    """A step that ends its turn, unless told otherwise."""
    values = {
        "turn": turn,
        "step": number or turn.steps + 1,
        "messages": tuple(message(text, scope=turn.scope, turn_id=turn.id) for text in says),
        "replies": tuple(one if isinstance(one, Reply) else Reply(text=one) for one in replies),
        "usage": (TokenUsage(model="m", input_tokens=10, output_tokens=2),),
        "state": "done",
        "at": NOON,
    }
    return StepCommit(**(values | changes))


def write(block, value, author="slack:T1/U1", **changes):
    """The next version of a block."""
    values = {"author": author, "source_key": None, "operation": "core_memory_append"}
    version = block.version + 1 if block.updated_at else 1
    return BlockWrite(block=replace(block, value=value, version=version), **(values | changes))


def passage(text="The door code is 4711.", **changes):
    values = {
        "id": str(ULID()),
        "text": text,
        "author": "slack:T1/U1",
        "author_name": "Ada",
        "created_at": NOON,
    }
    return Passage(**(values | changes))


def summary(text="They met.", through_seq=1, **changes):
    values = {"text": text, "through_seq": through_seq, "tokens": 4, "created_at": NOON}
    return Summary(**(values | changes))


async def begin(store, text="Hello", **changes):
    """Accept an event and start its turn."""
    accepted = await store.accept(request(text, **changes))
    scope = changes.get("scope") or direct()
    turn = await store.next_turn(scope.agent_id)
    assert accepted.turn_id == turn.id
    return turn


async def talk(store, text="Hello", answer="Hi.", **changes):
    """One whole turn: heard, answered, delivered."""
    scope = changes.pop("scope", None) or direct()
    more = {name: changes.pop(name) for name in ("blocks", "passages") if name in changes}
    turn = await begin(store, text, scope=scope, **changes)
    await store.commit_step(step(turn, says=[answer], replies=[answer], **more))
    for item in await store.outbox_due(scope.tenant.split(":")[0], NOON, 99):
        if item.turn_id == turn.id:
            await store.mark_sending(item.id, NOON)
            await store.mark_sent(item.id, "ref", NOON)
    return turn


async def block(store, scope, label):
    found = await store.blocks(scope.agent_id)
    return next(one for one in found if one.label == label)
