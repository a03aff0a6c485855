"""Promise: Stop ends the work at once, says so once, and what comes next is answered."""

import asyncio

import pytest

from engine import notices
from engine.testing import Gate, call, calls
from tests.engine.builders import ADA, dm_scope, event, room_scope

TENANT = "console:local"
HI = call("send_message", message="Hi.")


async def said(rig):
    return [item.text for item in await rig.store.outbox_due("console", rig.clock(), 10)]


class TestStopSign:
    """A reaction on the question or on the reply, by somebody whom it answers."""

    @pytest.mark.behaviour("when.stop-reaction", "discord", "slack")
    async def test_on_the_question_it_ends_the_turn_and_says_so_once(self, rig):
        gate = Gate(HI)
        rig.script(gate)
        question = event("long work")
        accepted = await rig.dispatcher.submit(question)
        await gate.reached.wait()
        stops = [await rig.dispatcher.stop_asked(TENANT, question.source_key, ADA, notices.STOPPED)]
        assert (await rig.dispatcher.wait_turn(accepted.turn_id)).state == "cancelled"
        stops += [await rig.dispatcher.stop_asked(TENANT, question.source_key, ADA, "Again.")]
        assert stops == [True, False]
        assert await said(rig) == [notices.STOPPED]
        assert (await rig.answer("next", "Yes.")).replies == ("Yes.",)

    async def test_on_the_reply_it_ends_what_the_turn_goes_on_with(self, rig):
        gate = Gate(HI)
        first = calls(
            ("send_message", {"message": "I will look."}),
            ("conversation_search", {"query": "it", "request_heartbeat": True}),
        )
        rig.script(first, gate)
        accepted = await rig.dispatcher.submit(event("look it up"))
        await gate.reached.wait()
        (item,) = await rig.store.outbox_due("console", rig.clock(), 10)
        await rig.store.mark_sending(item.id, rig.clock())
        await rig.store.mark_sent(item.id, "77", rig.clock())
        for other in ("console:room/7", "console:room/177"):
            assert not await rig.dispatcher.stop_asked(TENANT, other, ADA, "")
        assert await rig.dispatcher.stop_asked(TENANT, "console:room/77", ADA, "")
        assert (await rig.dispatcher.wait_turn(accepted.turn_id)).state == "cancelled"

    async def test_a_stranger_stops_nothing(self, rig):
        gate = Gate(HI)
        rig.script(gate)
        question = event("long work", scope=room_scope("ada"))
        accepted = await rig.dispatcher.submit(question)
        await gate.reached.wait()
        bob = "console:local/bob"
        assert not await rig.dispatcher.stop_asked(TENANT, question.source_key, bob, "")
        assert not await rig.dispatcher.stop_asked("console:other", question.source_key, ADA, "")
        gate.release.set()
        assert (await rig.dispatcher.wait_turn(accepted.turn_id)).state == "done"

    async def test_a_message_that_waits_is_left_out_and_the_others_are_answered(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        first = await rig.dispatcher.submit(event("first", scope=room_scope("ada")))
        await gate.reached.wait()
        rig.clock.advance(10)
        waiting = event("second", scope=room_scope("bob"))
        second = await rig.dispatcher.submit(waiting)
        bob = "console:local/bob"
        assert await rig.dispatcher.stop_asked(TENANT, waiting.source_key, bob, "")
        gate.release.set()
        states = [(await rig.dispatcher.wait_turn(one.turn_id)).state for one in (first, second)]
        assert states == ["done", "cancelled"]
        assert (second.turn_id, "idle") in rig.happened  # it waits no more
        assert len(rig.model.requests) == 1


class TestWaitingSign:
    """A message that has to wait shows it."""

    @pytest.mark.behaviour("how.queued", "discord", "slack")
    async def test_a_busy_agent_shows_it_and_takes_it_back(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        first = await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        rig.clock.advance(10)
        second = await rig.dispatcher.submit(event("second"))
        gate.release.set()
        for one in (first, second):
            await rig.dispatcher.wait_turn(one.turn_id)
        await asyncio.sleep(0)
        signs = [item for item in rig.happened if isinstance(item, tuple)]
        assert [sign for turn, sign in signs if turn == first.turn_id] == ["working", "idle"]
        shown = [sign for turn, sign in signs if turn == second.turn_id]
        assert shown == ["waiting", "working", "idle"]

    async def test_a_message_that_joins_a_turn_does_not_wait(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        second = await rig.dispatcher.submit(event("second"))
        await rig.dispatcher.wait_turn(second.turn_id)
        assert "waiting" not in [sign for _, sign in filter(_is_sign, rig.happened)]

    async def test_work_is_shown_before_the_model_has_answered(self, rig):
        gate = Gate(HI)
        rig.script(gate)
        accepted = await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        assert (accepted.turn_id, "working") in rig.happened
        assert await rig.dispatcher.stop(dm_scope()) == 1


def _is_sign(item):
    return isinstance(item, tuple)
