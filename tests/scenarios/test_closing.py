"""Promise: where the bot is gone, memory is closed at once and erased a week later."""

from datetime import timedelta

from bots.housekeeping import CLOSED_DAYS, Retention, tidy
from engine.testing import Gate, call
from tests.engine.builders import dm_scope, event, room_scope

HI = call("send_message", message="Hi.")
PLACE = room_scope().agent_id


async def left_after(rig, tmp_path, days):
    retention = Retention(recall_days=lambda _: 0, backups_days=0, backups=tmp_path)
    await tidy(rig.store, retention, rig.clock() + timedelta(days=days))
    return [agent.agent_id for agent in await rig.store.agents()]


class TestAClosedPlace:
    async def test_ends_what_is_worked_on_and_sends_nothing(self, rig):
        await rig.answer(scope=room_scope())
        gate = Gate(HI)
        rig.script(gate)
        accepted = await rig.dispatcher.submit(event(scope=room_scope()))
        await gate.reached.wait()
        await rig.dispatcher.close_place(PLACE)
        assert (await rig.dispatcher.wait_turn(accepted.turn_id)).state == "cancelled"
        assert await rig.store.outbox_due("console", rig.clock(), 9) == []

    async def test_is_erased_after_a_week_and_not_before(self, rig, tmp_path):
        await rig.answer(scope=room_scope())
        await rig.answer()
        await rig.dispatcher.close_place(PLACE)
        assert PLACE in await left_after(rig, tmp_path, CLOSED_DAYS - 1)
        assert await left_after(rig, tmp_path, CLOSED_DAYS + 1) == [dm_scope().agent_id]

    async def test_can_be_exported_until_then(self, rig, tmp_path):
        await rig.answer("the plum tree", scope=room_scope())
        await rig.dispatcher.close_place(PLACE)
        counts = await rig.store.export(PLACE, tmp_path / "a.zip", rig.clock())
        assert counts["messages"] == 4

    async def test_is_not_looked_through_by_the_memory_agent(self, rig):
        await rig.answer(scope=room_scope())
        later = rig.clock() + timedelta(days=1)
        assert await rig.store.unreflected(later)
        await rig.dispatcher.close_place(PLACE)
        assert await rig.store.unreflected(later) == []
        assert await rig.store.idle_turns(later, later) == []

    async def test_is_open_again_when_somebody_speaks_there(self, rig, tmp_path):
        await rig.answer(scope=room_scope())
        await rig.dispatcher.close_place(PLACE)
        await rig.answer("Hello again", scope=room_scope(), meets=PLACE)
        assert PLACE in await left_after(rig, tmp_path, CLOSED_DAYS + 1)

    async def test_goes_with_its_whole_tenant(self, rig, tmp_path):
        await rig.answer(scope=room_scope())
        await rig.answer()
        await rig.dispatcher.close_place("console:local")
        assert await left_after(rig, tmp_path, CLOSED_DAYS + 1) == []
