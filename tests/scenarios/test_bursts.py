"""Promise: what is written in several messages gets one answer, and nobody waits for a timer."""

import asyncio
import random
import subprocess
import sys
from datetime import timedelta

import pytest

from engine.records import RecallSearch
from engine.running import BURST
from engine.testing import FixedClock, Gate, call
from storage.sqlite.store import SqliteStore
from tests.engine.builders import dm_scope, event, room_scope
from tests.storage.builders import direct

HI = call("send_message", message="Hi.")


async def end_of(rig, *acceptances):
    return [await rig.dispatcher.wait_turn(one.turn_id) for one in acceptances]


async def replies(rig):
    return [item.text for item in await rig.store.outbox_due("console", rig.clock(), 10)]


class TestBurst:
    """A message that comes right after the first one joins its turn."""

    @pytest.mark.behaviour("when.burst", "discord", "slack", "terminal")
    async def test_two_messages_in_a_row_get_one_answer_that_knows_both(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        first = await rig.dispatcher.submit(event("I have a question"))
        await gate.reached.wait()
        second = await rig.dispatcher.submit(event("Where is Oslo?"))
        one, other = await end_of(rig, first, second)
        assert one == other
        assert "I have a question" in rig.model.requests[1].messages[-2]
        assert "Where is Oslo?" in rig.model.requests[1].messages[-1]
        assert await replies(rig) == ["Hi."]

    async def test_a_burst_is_no_failed_attempt(self, rig):
        more = rig.config.dispatch.max_attempts + 2
        gates = [Gate(HI) for _ in range(more)]
        rig.script(*gates, HI)
        accepted = []
        for number, gate in enumerate(gates):
            accepted.append(await rig.dispatcher.submit(event(f"part {number}")))
            await gate.reached.wait()
        accepted.append(await rig.dispatcher.submit(event("the end")))
        results = await end_of(rig, *accepted)
        assert {result.state for result in results} == {"done"}
        assert await replies(rig) == ["Hi."]

    async def test_a_message_that_comes_later_gets_an_answer_of_its_own(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        first = await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        rig.clock.advance(BURST + timedelta(milliseconds=1))
        second = await rig.dispatcher.submit(event("second"))
        gate.release.set()
        await end_of(rig, first, second)
        assert len(await replies(rig)) == 1  # one a place at a time
        assert len(rig.model.requests) == 2

    async def test_another_person_starts_nobody_anew(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        first = await rig.dispatcher.submit(event("first", scope=room_scope("ada")))
        await gate.reached.wait()
        second = await rig.dispatcher.submit(event("second", scope=room_scope("bob")))
        gate.release.set()
        one, other = await end_of(rig, first, second)
        assert one.turn_id != other.turn_id
        assert len(rig.model.requests) == 2
        assert "second" not in "".join(rig.model.requests[0].messages)

    async def test_once_a_tool_may_have_run_it_waits(self, rig):
        gate = Gate(HI)
        note = call("archival_memory_insert", content="Oslo", request_heartbeat=True)
        rig.script(note, gate, HI)
        first = await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        second = await rig.dispatcher.submit(event("second"))
        gate.release.set()
        one, other = await end_of(rig, first, second)
        assert one.turn_id != other.turn_id
        assert (second.turn_id, "waiting") in rig.happened
        assert (await rig.store.counts(dm_scope())).passages == 1

    async def test_a_repeat_of_a_message_that_joined_is_still_a_repeat(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        first = await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        second = await rig.dispatcher.submit(event("second", key="2"))
        repeat = await rig.dispatcher.submit(event("second", key="2"))
        await end_of(rig, first, second)
        assert repeat.outcome == "duplicate"
        assert len(rig.model.requests) == 2

    async def test_stop_ends_the_whole_burst(self, rig):
        gate, again = Gate(HI), Gate(HI)
        rig.script(gate, again)
        first = await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        second = await rig.dispatcher.submit(event("second"))
        await again.reached.wait()
        assert await rig.dispatcher.stop(dm_scope()) == 1
        states = [result.state for result in await end_of(rig, first, second)]
        assert states == ["cancelled", "cancelled"]
        assert (await rig.answer("next", "Yes.")).replies == ("Yes.",)


class TestWaiting:
    """What comes while a turn runs is taken together."""

    @pytest.mark.behaviour("when.queue", "discord", "slack", "terminal")
    async def test_all_that_waited_gets_one_answer_in_order(self, rig):
        gate = Gate(HI)
        rig.script(gate, call("send_message", message="To all three."))
        first = await rig.dispatcher.submit(event("zero", scope=room_scope("ada")))
        await gate.reached.wait()
        rig.clock.advance(10)
        others = [
            await rig.dispatcher.submit(event(text, scope=room_scope(who)))
            for text, who in (("one", "bob"), ("two", "cleo"), ("three", "bob"))
        ]
        gate.release.set()
        await end_of(rig, first, *others)
        asked = "".join(rig.model.requests[1].messages)
        assert asked.index("one") < asked.index("two") < asked.index("three")
        assert len(rig.model.requests) == 2
        shown = [item for item in rig.happened if isinstance(item, tuple)]
        assert {one.turn_id for one in others} <= {turn for turn, sign in shown if sign == "idle"}

    async def test_a_place_where_the_answer_would_not_be_seen_gets_its_own(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI, HI)
        accepted = [await rig.dispatcher.submit(event("zero"))]
        await gate.reached.wait()
        rig.clock.advance(10)
        accepted += [
            await rig.dispatcher.submit(event(place, place=place)) for place in ("one", "two")
        ]
        gate.release.set()
        await end_of(rig, *accepted)
        assert len(rig.model.requests) == 3

    @pytest.mark.parametrize("kind", ["user_message", "overheard"])
    async def test_a_note_from_two_people_goes_with_either(self, rig, kind):
        gate = Gate(HI)
        note = call("core_memory_append", label="room", content="Bob brings the plums")
        rig.script(gate, note, HI)
        first = await rig.dispatcher.submit(event("zero", scope=room_scope("ada")))
        await gate.reached.wait()
        rig.clock.advance(10)
        ada = event("what will bob bring?", scope=room_scope("ada"), kind=kind)
        bob = event("plums", scope=room_scope("bob"), name="Bob", kind=kind)
        others = [await rig.dispatcher.submit(one) for one in (ada, bob)]
        gate.release.set()
        await end_of(rig, first, *others)
        await rig.dispatcher.delete("console:local", [bob.source_key])
        assert (await rig.block("room", room_scope())).value == ""
        found = await rig.store.search_recall(room_scope(), RecallSearch(query="bob bring"))
        texts = [hit.text for hit in found.hits]
        assert "what will bob bring?" in texts
        assert "plums" not in texts

    async def test_the_rest_is_answered_when_one_of_them_is_deleted(self, rig):
        gate, again = Gate(HI), Gate(HI)
        rig.script(gate, again, HI)
        first_event = event("my secret")
        first = await rig.dispatcher.submit(first_event)
        await gate.reached.wait()
        second = await rig.dispatcher.submit(event("and a question"))
        await again.reached.wait()
        await rig.dispatcher.delete("console:local", [first_event.source_key])
        again.release.set()
        await end_of(rig, second)
        while not await replies(rig):
            await asyncio.sleep(0)
        last = "".join(rig.model.requests[-1].messages)
        assert "and a question" in last
        assert "my secret" not in last
        assert first.turn_id


class TestKilled:
    """SIGKILL anywhere: every message is answered once, alone or together with others."""

    async def test_no_message_is_lost_or_answered_twice(self, tmp_path):
        chance, path = random.Random(5), tmp_path / "membot.db"
        accepted = []
        for _ in range(4):
            first = int(accepted[-1]) + 1 if accepted else 0
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.storage.killed_joiner", str(path), str(first)],
                stdout=subprocess.PIPE,
                text=True,
            )
            said = [worker.stdout.readline() for _ in range(chance.randrange(3, 40))]
            worker.kill()
            rest, _ = worker.communicate(timeout=60)
            whole = [*said, *rest.splitlines(keepends=True)]
            accepted += [line.split()[1] for line in whole if line.endswith("\n")]
        store = await SqliteStore.open(path, embedder=None, now=FixedClock())
        assert await store.check() == []
        page = await store.list_recall(direct(), RecallSearch(query="", page_size=10_000))
        asked = [hit.text for hit in page.hits if hit.who != "assistant"]
        answered = [
            word for hit in page.hits if hit.who == "assistant" for word in hit.text.split()
        ]
        assert set(accepted) <= set(asked)
        assert len(answered) == len(set(answered))
        assert asked[: len(answered)] == answered
        while turn := await store.next_turn(direct().agent_id):
            answered += [item.text for item in await store.turn_messages(turn)]
            assert turn.attempt > 0
            await store.cancel_turns(turn.scope, "", FixedClock()())
        assert asked == answered
        await store.close()
