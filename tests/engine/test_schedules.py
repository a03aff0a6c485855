"""Scheduled messages and timed heartbeats: planned, fired once, and silent unless asked for."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from engine import notices
from engine.config import EventConfig
from engine.due_times import QuietHours
from engine.errors import ModelUnavailable
from engine.hooks import TurnFinished
from engine.testing import Gate, call, calls, say
from tests.engine.builders import dm_scope, event, room_scope
from tests.engine.test_turn import results_in

PLAN = call("schedule_message", when="2026-11-21 11:00", reason="call the dentist")


def envelope(request, place=-1):
    return json.loads(json.loads(request.messages[place])["content"])


async def plan(rig, when="2026-11-21 11:00", reason="call the dentist", **changes):
    """A person asks for something; the result the model reads."""
    arguments = {"when": when, "reason": reason, "request_heartbeat": True}
    rig.script(
        calls(("schedule_message", arguments)), call("send_message", message="I will write.")
    )
    await rig.say("Remind me", **changes)
    return results_in(rig.model.requests[-1])[-1]


async def fire(rig, *script):
    """Let what is due come, and its turn end."""
    rig.script(*script)
    ended = [item for item in rig.happened if isinstance(item, TurnFinished)]
    await rig.dispatcher.scheduler.fire_due()
    async with asyncio.timeout(20):
        while len([i for i in rig.happened if isinstance(i, TurnFinished)]) == len(ended):
            await asyncio.sleep(0)


async def sent(rig):
    found = await rig.store.outbox_due("console", rig.clock(), 99)
    for item in found:
        await rig.store.mark_sending(item.id, rig.clock())
        await rig.store.mark_sent(item.id, "ref", rig.clock())
    return [item.text for item in found] + (await sent(rig) if found else [])


class TestPlanning:
    async def test_the_result_says_the_local_time_and_zone(self, rig):
        result = await plan(rig, timezone="Europe/Berlin", when="2026-11-21 12:00")
        assert result["status"] == "OK"
        assert "Sat 2026-11-21 12:00 (Europe/Berlin)" in result["message"]
        [kept] = await rig.store.schedules(dm_scope())
        assert kept.next_at == datetime(2026, 11, 21, 11, 0, tzinfo=UTC)

    async def test_the_model_reads_the_persons_own_time_of_day(self, rig):
        await rig.answer("Hello", timezone="Europe/Berlin")
        assert envelope(rig.model.requests[0])["time"] == "2026-11-21 01:00:00 PM UTC+0100"
        await rig.answer("Hello", timezone="Mars/Olympus")
        assert envelope(rig.model.requests[1])["time"] == "2026-11-21 12:00:00 PM UTC+0000"

    @pytest.mark.parametrize(
        ("name", "what"),
        [("when", "reason"), ("time", "message"), ("cron", "reason"), ("at", "message")],
    )
    async def test_small_models_may_call_the_time_what_they_like(self, rig, name, what):
        rig.script(calls(("schedule_message", {name: "0 9 * * *", what: "stretch"})), say("Yes."))
        await rig.say()
        [kept] = await rig.store.schedules(dm_scope())
        assert (kept.rule, kept.reason) == ("0 9 * * *", "stretch")

    @pytest.mark.parametrize(
        ("when", "reason", "sentence"),
        [
            ("2026-11-20 09:00", "x", "past"),
            ("soon", "x", "cron text such as"),
            ("*/5 * * * *", "x", "every 15 minutes"),
            ("2026-12-01 09:00", "  ", "reason is empty"),
            ("2026-12-01 09:00", "x" * 501, "500"),
        ],
    )
    async def test_what_cannot_be_planned_comes_back_with_a_sentence(
        self, rig, when, reason, sentence
    ):
        result = await plan(rig, when, reason)
        assert result["status"] == "Failed"
        assert sentence in result["message"]
        assert await rig.store.schedules(dm_scope()) == []

    async def test_twenty_are_enough_for_a_conversation(self, rig):
        one = ("schedule_message", {"when": "2026-12-01 09:00", "reason": "x"})
        rig.script(calls(*[one] * 21), say("Enough."))
        await rig.say()
        assert results_in(rig.model.requests[-1])[-1]["message"].startswith("There are 20")
        assert len(await rig.store.schedules(dm_scope())) == 20

    async def test_a_small_window_is_not_filled_with_these_functions(self, rig):
        names = {spec.name for spec in rig.model.requests[0].tools} if rig.model.requests else set()
        rig.config = replace(rig.config, memory=replace(rig.config.memory, context_tokens=4096))
        rig.start_engine()
        await rig.answer()
        names = {spec.name for spec in rig.model.requests[-1].tools}
        assert "send_message" in names
        assert "schedule_message" not in names


class TestListingAndCancelling:
    async def ask(self, rig, *named, **changes):
        rig.script(calls(*named), say("Done."))
        await rig.say("What is planned?", **changes)

    async def results(self, rig, *named, **changes):
        listed = [(name, {**arguments, "request_heartbeat": True}) for name, arguments in named]
        await self.ask(rig, *listed, **changes)
        return results_in(rig.model.requests[-1])[-len(named) :]

    async def test_a_conversation_sees_its_own_alone(self, rig):
        await plan(rig)
        [shown] = await self.results(rig, ("list_schedules", {}))
        [row] = json.loads(shown["message"])
        assert (row["reason"], row["by"]) == ("call the dentist", "Ada")
        assert row["next"] == "Sat 2026-11-21 11:00 (UTC)"
        elsewhere = replace(dm_scope(), conversation_id="console:local/user/ada/thread/9")
        [other] = await self.results(rig, ("list_schedules", {}), scope=elsewhere)
        assert other["message"] == "Nothing is scheduled here."

    async def test_its_own_can_be_cancelled(self, rig):
        await plan(rig)
        [kept] = await rig.store.schedules(dm_scope())
        first, again = await self.results(
            rig, ("cancel_schedule", {"id": kept.id}), ("cancel_schedule", {"id": kept.id})
        )
        assert (first["message"], again["status"]) == ("Cancelled.", "Failed")
        assert await rig.store.schedules(dm_scope()) == []

    async def test_one_made_in_the_same_step_can_be_listed_and_cancelled(self, rig):
        def cancel(request):
            [row] = json.loads(results_in(request)[-1]["message"])
            return call("cancel_schedule", schedule_id=row["id"])

        rig.script(
            calls(
                ("schedule_message", {"when": "2026-12-01 09:00", "reason": "x"}),
                ("list_schedules", {"request_heartbeat": True}),
            ),
            cancel,
            say("Done."),
        )
        await rig.say()
        assert await rig.store.schedules(dm_scope()) == []

    async def test_in_a_room_others_are_listed_by_name_and_only_they_cancel(self, rig):
        await plan(rig, scope=room_scope("ada"))
        [kept] = await rig.store.schedules(room_scope("ada"))
        listed, refused = await self.results(
            rig,
            ("list_schedules", {}),
            ("cancel_schedule", {"schedule_id": kept.id}),
            scope=room_scope("bob"),
            name="Bob",
        )
        assert json.loads(listed["message"])[0]["by"] == "Ada"
        assert refused["message"] == "Ada asked for that one; only they can cancel it."
        assert len(await rig.store.schedules(room_scope("ada"))) == 1


class TestFiring:
    async def test_a_reminder_comes_at_its_time_with_its_reason_and_is_gone(self, rig):
        await plan(rig)
        await sent(rig)
        assert await rig.dispatcher.scheduler.fire_due() == datetime(2026, 11, 21, 11, tzinfo=UTC)
        assert await sent(rig) == []
        rig.clock.advance(3600)
        await fire(rig, call("send_message", message="The dentist!"))
        shown = envelope(rig.model.requests[-1])
        assert (shown["type"], shown["message"], shown["name"]) == (
            "timer",
            "call the dentist",
            "Ada",
        )
        assert (shown["due"], shown["late"]) == ("2026-11-21 11:00:00 AM UTC+0000", False)
        assert await sent(rig) == ["The dentist!"]
        assert await rig.store.schedules(dm_scope()) == []

    async def test_plain_text_is_delivered_too(self, rig):
        await plan(rig)
        await sent(rig)
        rig.clock.advance(3600)
        await fire(rig, say("Dentist."))
        assert await sent(rig) == ["Dentist."]

    @pytest.mark.parametrize("failure", [(say(""), say("")), (ModelUnavailable(),)])
    async def test_the_person_gets_the_reason_even_when_the_model_fails(self, rig, failure):
        await plan(rig)
        await sent(rig)
        rig.clock.advance(3600)
        await fire(rig, *failure)
        assert await sent(rig) == [notices.REMINDER.format(reason="call the dentist")]

    async def test_missed_ones_come_once_and_say_that_they_are_late(self, rig):
        await plan(rig, "0 9 * * *", "stretch")
        rig.clock.advance(timedelta(days=5))
        await fire(rig, say("Stretch."))
        assert envelope(rig.model.requests[-1])["late"] is True
        assert envelope(rig.model.requests[-1])["due"].startswith("2026-11-22 09:00:00")
        [kept] = await rig.store.schedules(dm_scope())
        assert kept.next_at == datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
        asked = len(rig.model.requests)
        await rig.dispatcher.scheduler.fire_due()
        assert len(rig.model.requests) == asked

    async def test_one_whose_turn_still_waits_is_skipped(self, rig):
        await plan(rig, "0 * * * *", "stretch")
        gate = Gate(say("Stretch."))
        rig.script(gate)
        for _ in range(3):
            rig.clock.advance(3600)
            await rig.dispatcher.scheduler.fire_due()
            await gate.reached.wait()
        before = len(rig.happened)
        gate.release.set()
        while len(rig.happened) == before or await rig.store.agents_with_turns():
            await asyncio.sleep(0)
        assert len(rig.model.requests) == 3  # two for the plan, one for three hours

    async def test_a_full_mailbox_lets_it_in(self, rig):
        await plan(rig)
        gate = Gate(say("Done."))
        rig.script(gate)
        for number in range(rig.config.dispatch.max_queued_per_agent):
            await rig.dispatcher.submit(event(f"m{number}"))
        await gate.reached.wait()
        rig.clock.advance(3600)
        rig.model._otherwise = say("Yes.")
        await rig.dispatcher.scheduler.fire_due()
        gate.release.set()
        while await rig.store.agents_with_turns():
            await asyncio.sleep(0)
        assert envelope(rig.model.requests[-1])["type"] == "timer"
        assert notices.BUSY not in await sent(rig)

    async def test_one_cancelled_between_look_and_firing_does_not_come(self, rig):
        await plan(rig)
        [kept] = await rig.store.schedules(dm_scope())
        rig.clock.advance(3600)
        request = await rig.dispatcher._reception.request(
            rig.dispatcher.scheduler._timer(kept, rig.clock())
        )
        assert (await rig.store.fire(kept, request, None)).outcome == "queued"
        assert (await rig.store.fire(kept, request, None)).outcome == "duplicate"

    async def test_the_event_is_no_search_result(self, rig):
        await plan(rig)
        rig.clock.advance(3600)
        await fire(rig, say("Now."))
        stored = [item for item in (await rig.window()).queue if item.kind == "timer"]
        assert [(item.searchable, item.author) for item in stored] == [(False, None)]

    async def test_the_running_scheduler_is_woken_by_a_new_schedule(self, rig):
        await rig.dispatcher.start()
        soon = rig.clock() + timedelta(seconds=0.05)
        rig.script(call("schedule_message", when=soon.isoformat(), reason="tea"), say("Yes."))
        await rig.say()
        rig.script(say("Tea!"))
        rig.clock.advance(1)
        async with asyncio.timeout(20):
            while len(rig.model.requests) < 3 or await rig.store.agents_with_turns():
                await asyncio.sleep(0)
        assert "Tea!" in await sent(rig)


def switch_on(rig, **events):
    rig.config = replace(rig.config, events=EventConfig(**events))
    rig.start_engine()


NIGHT = QuietHours(start=time(10, 30), end=time(12, 0))


class TestQuietHours:
    async def test_scheduled_messages_wait_until_they_end(self, rig):
        switch_on(rig, quiet=NIGHT)
        await plan(rig)
        await sent(rig)
        rig.clock.advance(3600)
        until = await rig.dispatcher.scheduler.fire_due()
        assert until == datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        assert await rig.store.agents_with_turns() == []
        rig.clock.advance(3600)
        await fire(rig, say("The dentist, an hour late."))
        assert envelope(rig.model.requests[-1])["late"] is True
        assert await sent(rig) == ["The dentist, an hour late."]

    async def test_who_plans_for_them_is_told(self, rig):
        switch_on(rig, quiet=NIGHT)
        told = "Quiet hours hold it back until Sat 2026-11-21 12:00 (UTC)"
        assert told in (await plan(rig))["message"]
        assert told not in (await plan(rig, "2026-11-21 12:00"))["message"]

    async def test_heartbeats_are_dropped(self, rig):
        switch_on(rig, quiet=NIGHT, heartbeat_minutes=10)
        await rig.answer()
        rig.clock.advance(3600)
        await rig.dispatcher.scheduler.fire_due()
        assert await rig.store.agents_with_turns() == []


class TestHeartbeats:
    async def test_there_are_none_unless_they_are_switched_on(self, rig):
        await rig.answer()
        rig.clock.advance(timedelta(days=9))
        await rig.dispatcher.scheduler.fire_due()
        assert await rig.store.agents_with_turns() == []

    async def test_none_comes_where_it_is_not_for_the_bot(self, rig):
        rig.admits = lambda event: event.kind != "heartbeat"
        switch_on(rig, heartbeat_minutes=30)
        await rig.answer()
        asked = len(rig.model.requests)
        rig.clock.advance(3600)
        await rig.dispatcher.scheduler.fire_due()
        assert await rig.store.agents_with_turns() == []
        assert len(rig.model.requests) == asked

    async def test_an_idle_agent_gets_one_and_is_silent(self, rig):
        switch_on(rig, heartbeat_minutes=30)
        await rig.answer()
        await sent(rig)
        rig.clock.advance(timedelta(minutes=29))
        await rig.dispatcher.scheduler.fire_due()
        assert await rig.store.agents_with_turns() == []
        rig.clock.advance(timedelta(minutes=1))
        signs = len([item for item in rig.happened if isinstance(item, tuple)])
        await fire(rig, say("Thinking aloud."))
        assert envelope(rig.model.requests[-1])["type"] == "heartbeat"
        assert "send_message" in envelope(rig.model.requests[-1])["reason"]
        assert await sent(rig) == []
        assert len([item for item in rig.happened if isinstance(item, tuple)]) == signs

    async def test_it_speaks_when_it_calls_send_message(self, rig):
        switch_on(rig, heartbeat_minutes=30)
        await rig.answer()
        await sent(rig)
        rig.clock.advance(timedelta(minutes=30))
        await fire(rig, call("send_message", message="The kettle is on fire."))
        assert await sent(rig) == ["The kettle is on fire."]

    async def test_one_that_fails_says_nothing(self, rig):
        switch_on(rig, heartbeat_minutes=30)
        await rig.answer()
        await sent(rig)
        rig.clock.advance(timedelta(minutes=30))
        await fire(rig, ModelUnavailable())
        assert await sent(rig) == []

    async def test_the_next_one_comes_after_as_long_again(self, rig):
        switch_on(rig, heartbeat_minutes=30)
        await rig.answer()
        rig.clock.advance(timedelta(minutes=30))
        await fire(rig, say(""))
        asked = len(rig.model.requests)
        await rig.dispatcher.scheduler.fire_due()
        assert len(rig.model.requests) == asked
        rig.clock.advance(timedelta(minutes=30))
        await fire(rig, say(""))
        assert len(rig.model.requests) == asked + 1

    async def test_a_pause_holds(self, rig):
        switch_on(rig, heartbeat_minutes=30)
        rig.script(
            calls(("pause_heartbeats", {"minutes": 120}), ("send_message", {"message": "."}))
        )
        await rig.say()
        rig.clock.advance(timedelta(minutes=119))
        await rig.dispatcher.scheduler.fire_due()
        assert await rig.store.agents_with_turns() == []
        rig.clock.advance(timedelta(minutes=1))
        await fire(rig, say(""))

    async def test_none_comes_while_a_turn_is_open(self, rig):
        switch_on(rig, heartbeat_minutes=30)
        gate = Gate(say("Done."))
        rig.script(gate)
        accepted = await rig.dispatcher.submit(event("long work"))
        await gate.reached.wait()
        rig.clock.advance(timedelta(minutes=45))
        await rig.dispatcher.scheduler.fire_due()
        gate.release.set()
        await rig.dispatcher.wait_turn(accepted.turn_id)
        assert len(rig.model.requests) == 1

    async def test_nothing_is_scheduled_in_one(self, rig):
        switch_on(rig, heartbeat_minutes=30)
        await rig.answer()
        rig.clock.advance(timedelta(minutes=30))
        await fire(rig, PLAN, say(""))
        assert results_in(rig.model.requests[-1])[-1]["status"] == "Failed"
        assert await rig.store.schedules(dm_scope()) == []


class TestLogins:
    async def kinds(self, rig, scope=None):
        return [item.kind for item in (await rig.window(scope)).queue if item.role == "user"]

    async def test_the_first_contact_comes_before_the_first_message(self, rig):
        await rig.answer("Hello")
        shown = envelope(rig.model.requests[0], -2)
        assert (shown["type"], shown["name"], shown["last_login"]) == ("login", "Ada", None)
        assert envelope(rig.model.requests[0])["message"] == "Hello"
        assert len(rig.model.requests) == 1

    async def test_a_person_who_stays_does_not_log_in_again(self, rig):
        await rig.answer("Hello")
        rig.clock.advance(timedelta(days=6))
        await rig.answer("Again", sent_at=rig.clock())
        assert (await self.kinds(rig)).count("login") == 1

    async def test_a_return_after_a_week_says_when_they_were_last_here(self, rig):
        await rig.answer("Hello", sent_at=rig.clock())
        rig.clock.advance(timedelta(days=8))
        await rig.answer("I am back", sent_at=rig.clock())
        assert await self.kinds(rig) == ["login", "user_message"] * 2
        shown = envelope(rig.model.requests[-1], -2)
        assert shown["last_login"] == "2026-11-21 10:00:00 AM UTC+0000"

    async def test_each_person_of_a_room_logs_in_once(self, rig):
        for user in ("ada", "bob", "ada"):
            await rig.answer(scope=room_scope(user), name=user)
        assert (await self.kinds(rig, room_scope())).count("login") == 2

    async def test_a_login_that_waited_still_comes_before_its_message(self, rig):
        gate = Gate(call("send_message", message="Done."))
        rig.script(gate)
        await rig.dispatcher.submit(event("first", scope=room_scope("ada")))
        second = await rig.dispatcher.submit(event("second", scope=room_scope("bob"), name="Bob"))
        await gate.reached.wait()
        rig.script(say("Yes."))
        gate.release.set()
        await rig.dispatcher.wait_turn(second.turn_id)
        shown = [envelope(rig.model.requests[-1], place) for place in (-2, -1)]
        assert [(one["type"], one["name"]) for one in shown] == [
            ("login", "Bob"),
            ("user_message", "Bob"),
        ]
