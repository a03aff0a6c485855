"""The stand-ins themselves: a test can only be as right as they are."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from engine.chat_model import ModelRequest
from engine.errors import DeliveryDelayed, DeliveryRefused, ModelUnavailable
from engine.records import OutboxItem, Scope, Turn
from engine.testing import (
    FixedClock,
    Gate,
    HashEmbedder,
    RecordingDelivery,
    ScriptedChatModel,
    call,
    calls,
    say,
)

REQUEST = ModelRequest(purpose="turn", system="s", messages=(), max_output_tokens=10)
SCOPE = Scope(tenant="t", agent_id="a", conversation_id="a/m", speaker=None, audience="private")
AT = datetime(2026, 11, 21, tzinfo=UTC)
TURN = Turn(
    id="turn",
    seq=1,
    scope=SCOPE,
    kind="user_message",
    state="running",
    attempt=1,
    steps=0,
    place="p",
    place_name="p",
    address="{}",
    speaker_name="Ada",
    source_key="s",
    created_at=AT,
)


def item(nonce: str = "n1") -> OutboxItem:
    return OutboxItem(
        id="o",
        seq=1,
        turn_id="turn",
        scope=SCOPE,
        place="p",
        address="{}",
        text="hello",
        kind="answer",
        state="sending",
        attempts=1,
        nonce=nonce,
        created_at=AT,
    )


class TestScriptedChatModel:
    async def test_says_what_it_was_told_in_order_and_keeps_the_requests(self):
        model = ScriptedChatModel([say("one"), call("send_message", message="two")])
        first, second = await model.complete(REQUEST), await model.complete(REQUEST)
        assert first.content == "one"
        assert json.loads(second.tool_calls[0].arguments) == {"message": "two"}
        assert model.requests == [REQUEST, REQUEST]
        assert model.waiting.is_set()

    async def test_raises_what_it_was_told_to(self):
        model = ScriptedChatModel([ModelUnavailable("down")])
        with pytest.raises(ModelUnavailable, match="down"):
            await model.complete(REQUEST)

    async def test_asks_callables_plain_and_async(self):
        async def later(request: ModelRequest):
            return say(request.system)

        model = ScriptedChatModel([lambda request: say(request.purpose), later])
        assert (await model.complete(REQUEST)).content == "turn"
        assert (await model.complete(REQUEST)).content == "s"

    async def test_a_used_up_script_is_a_model_that_is_away(self):
        with pytest.raises(ModelUnavailable, match="used up"):
            await ScriptedChatModel().complete(REQUEST)

    async def test_or_it_has_something_for_everything_else(self):
        model = ScriptedChatModel(otherwise=say("again"))
        model.then(say("first"))
        said = [(await model.complete(REQUEST)).content for _ in range(3)]
        assert said == ["first", "again", "again"]

    async def test_a_gate_holds_the_call_open(self):
        gate = Gate(say("late"))
        task = asyncio.create_task(ScriptedChatModel([gate]).complete(REQUEST))
        await gate.reached.wait()
        assert not task.done()
        gate.release.set()
        assert (await task).content == "late"

    async def test_a_gate_can_end_in_an_error(self):
        gate = Gate(ModelUnavailable("gone"))
        gate.release.set()
        with pytest.raises(ModelUnavailable, match="gone"):
            await ScriptedChatModel([gate]).complete(REQUEST)

    async def test_remembers_being_closed(self):
        model = ScriptedChatModel()
        await model.close()
        assert model.closed

    def test_call_ids_are_never_the_same(self):
        made = calls(("a", {}), ("b", {})).tool_calls + call("a").tool_calls
        assert len({one.id for one in made}) == 3


class TestHashEmbedder:
    async def test_texts_that_share_words_are_nearer(self):
        embedder = HashEmbedder()
        vectors = await embedder.embed(["I play the cello", "you play a cello", "rain in Oslo"])
        assert vectors.dtype == np.float32
        assert vectors.shape == (3, 256)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0)
        assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]

    async def test_is_the_same_every_time_and_takes_empty_text(self):
        one, two = HashEmbedder(), HashEmbedder()
        assert np.array_equal(await one.embed(["x y", ""]), await two.embed(["x y", ""]))

    async def test_gives_no_query_vector_until_it_is_ready(self):
        embedder = HashEmbedder(ready=False)
        assert await embedder.embed_query("x") is None
        embedder.ready = True
        assert await embedder.embed_query("x") is not None
        await embedder.close()
        assert not embedder.ready


class TestRecordingDelivery:
    async def test_keeps_parts_and_gives_references(self):
        delivery = RecordingDelivery(part_chars=3)
        assert delivery.split("hello") == ["hel", "lo"]
        assert delivery.split("") == [""]
        assert await delivery.send(item(), "hel", 0) != await delivery.send(item(), "lo", 1)
        assert delivery.sent == ["hel", "lo"]

    async def test_fails_as_often_as_told(self):
        delivery = RecordingDelivery()
        delivery.fail(1)
        delivery.fail(1, DeliveryRefused("gone"))
        with pytest.raises(DeliveryDelayed):
            await delivery.send(item(), "hello", 0)
        with pytest.raises(DeliveryRefused):
            await delivery.send(item(), "hello", 0)
        await delivery.send(item(), "hello", 0)
        assert delivery.sent == ["hello"]
        assert len(delivery.attempts) == 3

    async def test_a_lost_response_has_arrived_and_its_repeat_is_the_same_message(self):
        delivery = RecordingDelivery()
        delivery.lost_responses = 1
        with pytest.raises(DeliveryDelayed):
            await delivery.send(item(), "hello", 0)
        await delivery.send(item(), "hello", 0)
        assert delivery.sent == ["hello"]
        assert delivery.arrived.is_set()

    async def test_keeps_signs_of_life(self):
        delivery = RecordingDelivery()
        await delivery.show_activity(TURN, "working")
        assert delivery.activities == [("turn", "working")]


class TestFixedClock:
    def test_stands_still_until_it_is_moved(self):
        clock = FixedClock(AT)
        assert clock() == clock() == AT
        clock.advance(90)
        clock.advance(timedelta(days=1))
        assert clock() == AT + timedelta(days=1, seconds=90)
