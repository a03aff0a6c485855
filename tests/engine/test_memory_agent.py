"""The memory agent: what it keeps, what it must not touch, and that nobody waits for it."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.chat_model import ModelReply
from engine.errors import ModelUnavailable
from engine.records import ArchivalSearch, BlockWrite
from engine.testing import Gate, call, calls, say
from tests.engine.builders import dm_scope, room_scope

FINISH = ("finish_rethinking_memory", {})
TALK = "We spoke about the garden and the harvest at length. " * 6


@pytest.fixture
def memory():
    return {"context_tokens": 4096, "agent": "flush"}


class Mind:
    """Answers turns at once, and the memory agent as a test says."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.requests = []

    def __call__(self, request):
        if request.purpose == "summary":
            return say("A summary.")
        if request.purpose == "turn":
            return call("send_message", message="I see.")
        self.requests.append(request)
        step = self.steps.pop(0) if self.steps else calls(FINISH)
        if isinstance(step, BaseException):
            raise step
        reply = step(request) if callable(step) else step
        if not isinstance(reply, ModelReply):
            return reply
        return replace(reply, usage=replace(reply.usage, purpose=request.purpose))


async def until_flushed(rig, mind, scope=None, first="My locker code is 8812."):
    """Talk until messages have left the queue and the memory agent was asked about them."""
    rig.model._otherwise = mind
    await rig.say(first, scope=scope)
    for number in range(60):
        if mind.requests:
            return
        await rig.say(f"{number}: {TALK}", scope=scope)
        await settled(rig)
    raise AssertionError("the memory agent was never asked")


async def settled(rig):
    """Nothing of the memory agent runs any more."""
    agent = rig.dispatcher._background.memory_agent
    while agent._running:
        await asyncio.wait(list(agent._running.values()))
        await asyncio.sleep(0)


async def archival(rig, query, scope=None):
    page = await rig.store.search_archival(scope or dm_scope(), ArchivalSearch(query=query))
    return [hit.text for hit in page.hits]


def results(request):
    entries = [json.loads(text) for text in request.messages]
    return [json.loads(item["content"]) for item in entries if item["role"] == "tool"]


def kept(context, start=0, end=0):
    chunk = {"start_index": start, "end_index": end, "context": context}
    return calls(("store_memories", {"chunks": [chunk]}), FINISH)


class TestKeeping:
    async def test_stores_the_numbered_messages_word_for_word_with_their_context(self, rig):
        mind = Mind(kept("Ada gives a code."))
        await until_flushed(rig, mind)
        await settled(rig)
        assert "0. [" in mind.requests[0].messages[0]
        (text,) = await archival(rig, "locker code")
        assert text.startswith("Ada gives a code.\n[")
        assert text.endswith("Ada: My locker code is 8812.")

    async def test_rewrites_a_block_under_its_own_name(self, rig):
        mind = Mind(calls(("rethink_user_memory", {"new_memory": "Locker code 8812."}), FINISH))
        await until_flushed(rig, mind)
        await settled(rig)
        assert (await rig.block("human")).value == "Locker code 8812."
        last = (await rig.store.block_history(dm_scope().agent_id, "human"))[-1]
        assert (last.author, last.operation) == ("memory-agent", "rethink_user_memory")

    async def test_copies_no_question_and_nothing_that_the_agent_said_into_a_block(self, rig):
        copied = (
            "Locker code 8812.\nAda: What is my code? You: I see.\n"
            "[2026-05-08 01:56:00 PM UTC+0000] you: I see.\nAda: Is it late?\nAda: It is late."
        )
        mind = Mind(calls(("rethink_user_memory", {"new_memory": copied}), FINISH))
        await until_flushed(rig, mind, first="What is my code?")
        await settled(rig)
        value = (await rig.block("human")).value
        assert value == "Locker code 8812.\nAda: Is it late?\nAda: It is late."

    async def test_reads_each_message_once(self, rig):
        mind = Mind()
        await until_flushed(rig, mind)
        first = len(mind.requests)
        for number in range(40):
            await rig.say(f"again {number}: {TALK}")
            await settled(rig)
        assert len(mind.requests) > first
        asked = "".join(request.messages[0] for request in mind.requests)
        assert asked.count("8812") == 1

    async def test_tokens_are_booked_apart(self, rig):
        await until_flushed(rig, Mind())
        await settled(rig)
        rows = await rig.store.usage(30, rig.clock())
        assert {row.purpose for row in rows} >= {"turn", "memory"}

    async def test_in_a_room_it_sees_the_blocks_of_those_who_spoke(self, rig):
        scope = room_scope("ada")
        write = calls(
            ("rethink_memory", {"target_block_label": "room", "new_memory": "About harvests."}),
            ("rethink_user_memory", {"new_memory": "Has locker 8812."}),
            FINISH,
        )
        await until_flushed(rig, Mind(write), scope=scope)
        await settled(rig)
        assert (await rig.block("room", scope)).value == "About harvests."
        assert (await rig.block("human:console:local/ada", scope)).value == "Has locker 8812."


class TestWhatItMayNot:
    @pytest.mark.parametrize(
        ("start", "end", "context"), [(-1, 0, "x"), (0, 999, "x"), (2, 1, "x"), (0, 0, " ")]
    )
    async def test_ranges_are_checked(self, rig, start, end, context):
        mind = Mind(kept(context, start, end))
        await until_flushed(rig, mind)
        await settled(rig)
        assert results(mind.requests[1])[0]["status"] == "Failed"
        assert await archival(rig, "locker code") == []

    async def test_one_message_is_not_stored_without_end(self, rig):
        chunk = {"start_index": 0, "end_index": 0, "context": "A code."}
        mind = Mind(calls(("store_memories", {"chunks": [chunk] * 500}), FINISH))
        await until_flushed(rig, mind)
        await settled(rig)
        assert results(mind.requests[1])[0]["status"] == "Failed"
        assert await archival(rig, "locker code") == []

    async def test_persona_is_not_its_own(self, rig):
        edit = {"target_block_label": "persona", "new_memory": "I obey the visitor."}
        mind = Mind(call("rethink_memory", **edit))
        await until_flushed(rig, mind)
        await settled(rig)
        assert results(mind.requests[1])[0]["status"] == "Failed"
        assert "obey" not in (await rig.block("persona")).value
        assert "persona" not in mind.requests[0].system

    async def test_it_neither_reads_nor_notes_who_has_paused_since(self, rig):
        rig.model._otherwise = Mind()
        await rig.say("I love cats.", scope=room_scope("bob"))
        await rig.store.set_wish("console:local/bob", "pause", rig.clock())
        label = "human:console:local/bob"
        write = calls(
            ("rethink_memory", {"target_block_label": label, "new_memory": "Loves cats."}), FINISH
        )
        mind = Mind(write)
        await until_flushed(rig, mind, scope=room_scope("ada"))
        await settled(rig)
        assert "cats" not in mind.requests[0].messages[0]
        assert label not in mind.requests[0].system
        history = await rig.store.block_history(room_scope("bob").agent_id, label)
        assert [version.value for version in history] == [""]

    @pytest.mark.parametrize("label", ["human:console:local/eve", "a b", "x" * 41, "", 'a"b'])
    async def test_it_makes_no_block_about_who_never_spoke_or_with_an_odd_name(self, rig, label):
        write = calls(("rethink_memory", {"target_block_label": label, "new_memory": "A spy."}))
        mind = Mind(write)
        await until_flushed(rig, mind)
        await settled(rig)
        (refused, *_) = results(mind.requests[1])
        assert refused["status"] == "Failed"
        assert f"There is no block '{label}'" in refused["message"]

    async def test_a_rewrite_that_loses_what_the_block_holds_is_refused(self, rig):
        rig.model._otherwise = Mind()
        rig.script(call("core_memory_append", label="human", content="Marisol, 41, Kielland 7"))
        rig.script(call("send_message", message="Noted."))
        await rig.say("I'm Marisol")
        mind = Mind(call("rethink_user_memory", new_memory="Likes gardens."))
        await until_flushed(rig, mind)
        await settled(rig)
        assert "Marisol" in results(mind.requests[1])[0]["message"]
        assert "Marisol" in (await rig.block("human")).value

    async def test_it_ends_when_it_repeats_itself(self, rig):
        again = call("rethink_user_memory", new_memory="Locker code 8812.")
        mind = Mind(again, again, again, again)
        await until_flushed(rig, mind)
        await settled(rig)
        first = mind.requests[0].messages[0]
        assert [request.messages[0] for request in mind.requests].count(first) == 2

    async def test_it_ends_after_its_mistakes_and_leaves_the_rest_as_it_was(self, rig):
        mind = Mind(*[call("nothing_known", number=number) for number in range(9)])
        await until_flushed(rig, mind)
        await settled(rig)
        first = mind.requests[0].messages[0]
        assert [request.messages[0] for request in mind.requests].count(first) == 3

    async def test_a_model_that_fails_changes_nothing_and_is_asked_again_later(self, rig):
        store = calls(
            (
                "store_memories",
                {"chunks": [{"start_index": 0, "end_index": 0, "context": "A code."}]},
            )
        )
        await until_flushed(rig, Mind(store, *[ModelUnavailable()] * 9))
        await settled(rig)
        assert await archival(rig, "locker code") == []
        rig.model._otherwise = Mind(kept("Ada gives a code."))
        rig.start_engine()
        await rig.dispatcher.start()
        await settled(rig)
        assert len(await archival(rig, "locker code")) == 1

    async def test_a_fault_of_ours_is_logged_without_words_and_the_next_run_begins(
        self, rig, caplog
    ):
        await until_flushed(rig, Mind(ZeroDivisionError("the secret 8812")))
        await settled(rig)
        said = [record for record in caplog.records if "memory agent failed" in record.message]
        assert [record.getMessage() for record in said] == [
            "the memory agent failed: ZeroDivisionError"
        ]
        assert "the secret" not in caplog.text
        rig.start_engine()
        rig.model._otherwise = Mind(kept("Ada gives a code."))
        await rig.dispatcher.start()
        await settled(rig)
        assert len(await archival(rig, "locker code")) == 1


class TestBesideTurns:
    async def test_a_turn_and_a_flush_never_wait_for_it(self, rig):
        gate = Gate(calls(FINISH))
        mind = Mind(gate)
        await until_flushed_while_held(rig, mind, gate)
        result = await asyncio.wait_for(rig.say("Are you there?"), 30)
        assert result.replies == ("I see.",)
        gate.release.set()
        await settled(rig)

    async def test_a_block_that_changed_meanwhile_is_handed_back_once(self, rig):
        gate = Gate(calls(("rethink_user_memory", {"new_memory": "Locker 8812."}), FINISH))
        both = calls(("rethink_user_memory", {"new_memory": "Plays chess. Locker 8812."}), FINISH)
        mind = Mind(gate, both)
        await until_flushed_while_held(rig, mind, gate)
        await overwrite(rig, "Plays chess.")
        gate.release.set()
        await settled(rig)
        assert "Plays chess." in mind.requests[1].messages[-1]
        assert (await rig.block("human")).value == "Plays chess. Locker 8812."

    async def test_a_block_that_changed_again_stays_as_the_turn_left_it(self, rig):
        first = Gate(calls(("rethink_user_memory", {"new_memory": "One."}), FINISH))
        second = Gate(calls(("rethink_user_memory", {"new_memory": "Two."}), FINISH))
        mind = Mind(first, second)
        await until_flushed_while_held(rig, mind, first)
        await overwrite(rig, "A")
        first.release.set()
        await second.reached.wait()
        await overwrite(rig, "B")
        second.release.set()
        await settled(rig)
        assert (await rig.block("human")).value == "B"

    async def test_closing_ends_a_run_and_the_next_start_makes_it_anew(self, rig):
        gate = Gate(calls(FINISH))
        await until_flushed_while_held(rig, Mind(gate), gate)
        await rig.dispatcher.close()
        mind = Mind(kept("Ada gives a code."))
        rig.model._otherwise = mind
        rig.start_engine()
        await rig.dispatcher.start()
        await settled(rig)
        assert len(await archival(rig, "locker code")) == 1


class TestWhen:
    async def test_off_means_never(self, rig, monkeypatch):
        rig.dispatcher._background.memory_agent._mode = "off"
        mind = Mind()
        rig.model._otherwise = mind
        for number in range(30):
            await rig.say(f"{number}: {TALK}")
        await settled(rig)
        assert mind.requests == []


class TestIdle:
    @pytest.fixture
    def memory(self):
        return {"context_tokens": 4096, "agent": "idle", "idle_seconds": 0.0}

    async def test_a_quiet_conversation_is_read_without_a_flush(self, rig):
        mind = Mind(kept("Ada gives a code."))
        rig.model._otherwise = mind
        await rig.say("My locker code is 8812.")
        while not mind.requests:
            await asyncio.sleep(0)
        await settled(rig)
        assert len(await archival(rig, "locker code")) == 1

    async def test_what_was_quiet_at_the_last_end_is_read_at_the_next_start(self, rig):
        mind = Mind(kept("Ada gives a code."))
        rig.model._otherwise = mind
        rig.dispatcher._background.memory_agent._mode = "off"
        await rig.say("My locker code is 8812.")
        rig.clock.advance(timedelta(hours=3))
        rig.start_engine()
        await rig.dispatcher.start()
        while not mind.requests:
            await asyncio.sleep(0)
        await settled(rig)
        assert len(await archival(rig, "locker code")) == 1


async def until_flushed_while_held(rig, mind, gate):
    rig.model._otherwise = mind
    await rig.say("My locker code is 8812.")
    for number in range(60):
        await rig.say(f"{number}: {TALK}")
        if gate.reached.is_set():
            return
    raise AssertionError("the memory agent was never asked")


async def overwrite(rig, value):
    block = await rig.block("human")
    changed = type(block)(label=block.label, value=value, version=block.version + 1)
    write = BlockWrite(block=changed, author=None, source_key=None, operation="edit")
    await rig.store.write_blocks(dm_scope(), [write], rig.clock())
