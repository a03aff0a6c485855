"""Events to come, and what people change afterwards: what every store promises of them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.records import RecallSearch, Schedule
from tests.storage.builders import (
    NOON,
    begin,
    direct,
    later,
    message,
    request,
    room,
    step,
    talk,
)

HOUR = timedelta(hours=1)


def schedule(number=1, scope=None, **changes):
    values = {
        "id": f"s{number}",
        "scope": scope or direct(),
        "timezone": "Europe/Berlin",
        "reason": "water the plants",
        "author_name": "Ada",
        "source_key": "slack:T1/D1/1",
        "place": "p",
        "place_name": "#general",
        "address": "{}",
        "next_at": NOON + HOUR,
        "created_at": NOON,
    }
    return Schedule(**(values | changes))


async def keep(store, *schedules):
    scope = schedules[0].scope
    turn = await begin(store, scope=scope)
    await store.commit_step(step(turn, schedules=schedules))


def timer(one):
    return request(one.reason, scope=one.scope, key=f"{one.id}-{one.next_at}", kind="timer")


class TestSchedules:
    async def test_they_are_kept_as_they_were_made(self, store):
        made = schedule(rule="0 9 * * *")
        await keep(store, made)
        assert await store.schedules(direct()) == [made]
        assert await store.agent_schedules(direct().agent_id) == [made]

    async def test_they_belong_to_one_conversation_of_one_tenant(self, store):
        await keep(store, schedule(scope=room()))
        assert await store.schedules(room(thread="thread/9")) == []
        assert await store.schedules(replace(room(), tenant="slack:T2")) == []
        assert len(await store.agent_schedules(room().agent_id)) == 1

    async def test_they_are_stored_with_their_step_or_not_at_all(self, store):
        turn = await begin(store)
        await store.cancel_turns(direct(), "", NOON)
        with pytest.raises(Exception, match="ended or was cancelled"):
            await store.commit_step(step(turn, schedules=(schedule(),)))
        assert await store.schedules(direct()) == []

    async def test_only_the_conversations_own_are_cancelled(self, store):
        await keep(store, schedule(1, scope=room()))
        other = await begin(store, scope=room(thread="thread/9"))
        await store.commit_step(step(other, cancelled_schedules=("s1",)))
        assert len(await store.schedules(room())) == 1
        own = await begin(store, scope=room())
        await store.commit_step(step(own, cancelled_schedules=("s1",)))
        assert await store.schedules(room()) == []

    async def test_due_ones_come_longest_due_first(self, store):
        await keep(store, schedule(1), schedule(2, next_at=NOON), schedule(3, next_at=None))
        assert [one.id for one in await store.due_schedules(NOON + HOUR, 9)] == ["s2", "s1"]
        assert [one.id for one in await store.due_schedules(NOON, 9)] == ["s2"]
        assert await store.next_schedule_time() == NOON

    async def test_nothing_is_due_where_nothing_is_scheduled(self, store):
        assert await store.next_schedule_time() is None
        assert await store.due_schedules(NOON, 9) == []

    async def test_a_persons_time_zone_stays_until_they_have_another(self, store):
        await talk(store, timezone="Europe/Berlin")
        await talk(store)
        assert await store.timezone_of("slack:T1/U1") == "Europe/Berlin"
        await talk(store, timezone="Asia/Tokyo")
        assert await store.timezone_of("slack:T1/U1") == "Asia/Tokyo"
        assert await store.timezone_of("slack:T1/U9") is None


class TestFiring:
    async def test_once_and_it_is_gone(self, store):
        await keep(store, schedule())
        [due] = await store.due_schedules(NOON + HOUR, 9)
        assert (await store.fire(due, timer(due), None)).outcome == "queued"
        assert (await store.fire(due, timer(due), None)).outcome == "duplicate"
        assert await store.schedules(direct()) == []

    async def test_again_and_again_it_moves_on(self, store):
        await keep(store, schedule(rule="0 * * * *"))
        [due] = await store.due_schedules(NOON + HOUR, 9)
        await store.fire(due, timer(due), NOON + 2 * HOUR)
        assert await store.due_schedules(NOON + HOUR, 9) == []
        assert await store.next_schedule_time() == NOON + 2 * HOUR

    async def test_while_its_last_turn_waits_it_only_moves_on(self, store):
        await keep(store, schedule(rule="0 * * * *"))
        [due] = await store.due_schedules(NOON + HOUR, 9)
        first = request("x", event_id=f"schedule:{due.id}:1", kind="timer")
        assert (await store.fire(due, first, NOON + 2 * HOUR)).outcome == "queued"
        [again] = await store.due_schedules(NOON + 2 * HOUR, 9)
        second = request("x", event_id=f"schedule:{due.id}:2", kind="timer")
        assert (await store.fire(again, second, NOON + 3 * HOUR)).outcome == "duplicate"
        assert await store.next_schedule_time() == NOON + 3 * HOUR


class TestIdleAgents:
    async def test_an_agent_is_idle_when_nothing_was_said_since(self, store):
        turn = await talk(store)
        [last] = await store.idle_turns(later(30), later(60))
        assert (last.id, last.scope, last.address) == (turn.id, direct(), turn.address)
        assert await store.idle_turns(later(-1), later(60)) == []

    async def test_not_while_a_turn_is_open_or_its_heartbeats_are_paused(self, store):
        turn = await begin(store)
        assert await store.idle_turns(later(30), later(60)) == []
        await store.commit_step(step(turn, heartbeats_paused_until=later(90)))
        assert await store.idle_turns(later(30), later(89)) == []
        assert len(await store.idle_turns(later(30), later(90))) == 1


class TestLogins:
    def asks(self, heard):
        def login(last):
            heard.append(last)
            return message("", kind="login", role="user", searchable=False)

        return login

    async def test_say_when_the_person_was_last_heard_by_this_agent(self, store):
        heard = []
        await store.accept(replace(request("One", at=NOON), login=self.asks(heard)))
        await store.accept(request("Elsewhere", scope=room(), sent_at=later(5)))
        await store.accept(request("Other", scope=room("U2"), sent_at=later(6)))
        await store.accept(replace(request("Two", scope=room()), login=self.asks(heard)))
        assert heard == [None, later(5)]


class TestChanges:
    async def test_a_message_is_found_by_its_key_within_its_tenant(self, store):
        await talk(store, "Hello", key="7")
        found = await store.find_message("slack:T1", f"slack:{direct().agent_id}/7")
        assert (found.text, found.scope) == ("Hello", direct())
        assert await store.find_message("slack:T2", f"slack:{direct().agent_id}/7") is None

    async def test_an_edit_is_stored_with_its_notice_or_not_at_all(self, store):
        await talk(store, "Hello", key="7")
        found = await store.find_message("slack:T1", f"slack:{direct().agent_id}/7")
        notice = message("", kind="message_edited", role="user", searchable=False)
        reworded = replace(found, text="Goodbye", payload="{}")
        assert await store.edit_message(found, reworded, notice)
        assert not await store.edit_message(found, reworded, replace(notice, id="again"))
        queue = (await store.load_window(direct())).queue
        assert [item.kind for item in queue] == ["user_message", "answer", "message_edited"]
        assert queue[0].payload == "{}"
        page = await store.search_recall(direct(), RecallSearch(query="goodbye"))
        assert page.hits[0].text == "Goodbye"
