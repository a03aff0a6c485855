"""Events are accepted once, answered in order, and nobody waits for somebody else's agent."""

import asyncio

import pytest

from engine import notices
from engine.errors import ModelUnavailable
from engine.hooks import TurnFinished
from engine.records import RecallSearch
from engine.testing import Gate, call
from tests.engine.builders import dm_scope, event, room_scope

HI = call("send_message", message="Hi.")


class TestAccepting:
    @pytest.mark.behaviour("when.duplicates", "discord", "slack")
    async def test_the_same_event_twice_is_answered_once(self, rig):
        rig.script(HI)
        first = await rig.dispatcher.submit(event(key="1"))
        second = await rig.dispatcher.submit(event(key="1"))
        await rig.dispatcher.wait_turn(first.turn_id)
        assert (first.outcome, second.outcome) == ("queued", "duplicate")
        assert len(rig.model.requests) == 1

    async def test_twins_with_one_source_key_are_one_event(self, rig):
        rig.script(HI)
        one = event(key="1")
        await rig.dispatcher.submit(one)
        twin = event(key="2", source_key=one.source_key)
        assert (await rig.dispatcher.submit(twin)).outcome == "duplicate"

    async def test_half_a_character_is_no_reason_to_lose_a_message(self, rig):
        assert (await rig.answer("broken \ud83d here")).state == "done"
        assert (await rig.window()).queue[1].text == "broken ? here"

    async def test_a_full_mailbox_says_that_it_is_busy_and_keeps_the_message(self, rig):
        gate = Gate(HI)
        rig.script(gate)
        rig.model._otherwise = HI
        bound = rig.config.dispatch.max_queued_per_agent
        outcomes = []
        for number in range(bound + 1):
            outcomes.append((await rig.dispatcher.submit(event(f"m{number}"))).outcome)
            await gate.reached.wait()
            rig.clock.advance(10)
        assert outcomes == ["queued"] * bound + ["busy"]
        due = await rig.store.outbox_due("console", rig.clock(), 10)
        assert [item.text for item in due] == [notices.BUSY]
        found = await rig.store.search_recall(dm_scope(), RecallSearch(query=f"m{bound}"))
        assert found.hits[0].text == f"m{bound}"
        gate.release.set()


class TestOrder:
    async def test_one_agent_runs_one_turn_at_a_time_in_order(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        first = await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        rig.clock.advance(10)
        second = await rig.dispatcher.submit(event("second"))
        assert len(rig.model.requests) == 1
        gate.release.set()
        await rig.dispatcher.wait_turn(first.turn_id)
        await rig.dispatcher.wait_turn(second.turn_id)
        assert "first" in rig.model.requests[0].messages[-1]
        assert "second" in "".join(rig.model.requests[1].messages)

    async def test_another_agent_does_not_wait(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        await rig.dispatcher.submit(event("slow", scope=dm_scope()))
        await gate.reached.wait()
        other = await rig.dispatcher.submit(event("quick", scope=room_scope("bob")))
        result = await rig.dispatcher.wait_turn(other.turn_id)
        assert result.replies == ("Hi.",)
        gate.release.set()


class TestFailing:
    @pytest.mark.behaviour("how.errors", "discord", "slack", "terminal")
    async def test_a_model_that_is_away_is_said_with_an_id(self, rig, caplog):
        rig.script(ModelUnavailable("The endpoint refuses the key."))
        result = await rig.say("a private matter")
        assert result.state == "failed"
        error_id = result.replies[0].split("(id ")[1].split(")")[0]
        assert error_id in caplog.text
        assert "private matter" not in caplog.text

    async def test_the_next_message_is_answered_again(self, rig):
        rig.script(ModelUnavailable())
        await rig.say("first")
        assert (await rig.answer("second", "Back.")).replies == ("Back.",)

    async def test_an_error_of_ours_is_one_plain_sentence(self, rig, caplog):
        rig.script(ZeroDivisionError("division by zero"))
        result = await rig.say()
        assert result.replies[0].startswith("Something went wrong on my side (id ")
        assert "ZeroDivisionError" in caplog.text


class TestStopping:
    async def test_stop_cancels_the_call_and_leaves_the_state_whole(self, rig):
        gate = Gate(HI)
        rig.script(gate)
        acceptance = await rig.dispatcher.submit(event("long work"))
        await gate.reached.wait()
        assert await rig.dispatcher.stop(dm_scope()) == 1
        assert (await rig.dispatcher.wait_turn(acceptance.turn_id)).state == "cancelled"
        assert (await rig.answer("next", "Yes.")).replies == ("Yes.",)

    async def test_stop_leaves_other_conversations_alone(self, rig):
        gate = Gate(HI)
        rig.script(gate)
        acceptance = await rig.dispatcher.submit(event("long work"))
        await gate.reached.wait()
        assert await rig.dispatcher.stop(room_scope()) == 0
        gate.release.set()
        assert (await rig.dispatcher.wait_turn(acceptance.turn_id)).state == "done"


class TestRestarting:
    async def test_a_turn_goes_on_from_its_last_stored_step(self, rig):
        gate = Gate(HI)
        rig.script(
            call("core_memory_append", label="human", content="Ada", request_heartbeat=True), gate
        )
        await rig.dispatcher.submit(event("I'm Ada"))
        await gate.reached.wait()
        await rig.dispatcher.close()
        rig.script(HI)
        rig.start_engine()
        await rig.dispatcher.start()
        while not any(isinstance(item, TurnFinished) for item in rig.happened):
            await asyncio.sleep(0)
        assert (await rig.block("human")).value == "Ada"
        assert len(rig.model.requests) == 3
        due = await rig.store.outbox_due("console", rig.clock(), 10)
        assert [item.text for item in due] == ["Hi."]

    async def test_drain_lets_a_running_turn_finish_and_starts_no_other(self, rig):
        gate = Gate(HI)
        rig.script(gate)
        await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        rig.clock.advance(10)
        await rig.dispatcher.submit(event("second"))
        draining = asyncio.create_task(rig.dispatcher.drain(20))
        gate.release.set()
        await draining
        assert len(rig.model.requests) == 1
        assert await rig.store.agents_with_turns() == [dm_scope().agent_id]


class TestSigns:
    async def test_work_is_shown_and_ended(self, rig):
        result = await rig.answer()
        await asyncio.sleep(0)
        assert [item for item in rig.happened if isinstance(item, tuple)] == [
            (result.turn_id, "working"),
            (result.turn_id, "idle"),
        ]


class TestWhoIsShutOut:
    async def test_gets_no_turn_and_nothing_of_theirs_is_kept(self, rig):
        rig.admits = lambda said: said.scope.speaker != "console:local/ada"
        rig.start_engine()
        acceptance = await rig.dispatcher.submit(event("hello"))
        assert (acceptance.outcome, acceptance.turn_id) == ("ignored", None)
        assert await rig.store.agents() == []
