"""What a person, a room and a tenant may use, played through the dispatcher."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.budgets import Budget, Budgets
from engine.records import Summary, TokenUsage
from engine.testing import call
from tests.engine.builders import dm_scope, room_scope

PERSON = Budgets(person=Budget(tokens_per_day=1000))


def answer(text, tokens):
    """A reply that costs so many tokens."""
    reply = call("send_message", message=text)
    return replace(reply, usage=replace(reply.usage, input_tokens=tokens - 1, output_tokens=1))


async def notices(rig):
    due = await rig.store.outbox_due("console", rig.clock(), 100)
    for item in due:
        await rig.store.mark_sent(item.id, "1", rig.clock())
    more = await rig.store.outbox_due("console", rig.clock(), 100)
    for item in more:
        await rig.store.mark_sent(item.id, "2", rig.clock())
    return [item.text for item in [*due, *more] if item.kind == "notice"]


@pytest.fixture
def budget(rig):
    """Gives the engine budgets, that hold from now on."""

    def give(budgets):
        rig.budgets = budgets

    return give


class TestTokensOfADay:
    async def test_are_told_once_when_little_is_left_and_then_refused_until_midnight(
        self, rig, budget
    ):
        budget(PERSON)
        rig.script(answer("one", 900), answer("two", 40), answer("three", 70))
        assert (await rig.say("a")).replies == ("one",)
        assert await notices(rig) == [
            "10 % left of your tokens for today; they start anew at 2026-11-22 00:00 (UTC)."
        ]
        await rig.say("b")
        assert await notices(rig) == []
        await rig.say("c")
        refused = await rig.say("d")
        assert refused.state == "refused"
        assert refused.replies == (
            (
                "Your 1,000 tokens for today are used up; "
                "please ask again from 2026-11-22 00:00 (UTC) on."
            ),
        )
        assert len(rig.model.requests) == 3

    async def test_survive_a_restart(self, rig, budget):
        budget(PERSON)
        rig.script(answer("one", 1000))
        await rig.say("a")
        await rig.dispatcher.close()
        rig.start_engine()
        assert (await rig.say("b")).state == "refused"

    async def test_are_there_again_the_next_day_and_the_refused_message_is_remembered(
        self, rig, budget
    ):
        budget(PERSON)
        rig.script(answer("one", 1000))
        await rig.say("a")
        await rig.say("the kettle is blue")
        rig.clock.advance(timedelta(hours=14))
        rig.script(answer("two", 10))
        assert (await rig.say("b")).replies == ("two",)
        assert "the kettle is blue" in str(rig.model.requests[-1].messages)

    async def test_of_background_work_are_counted_apart(self, rig, budget):
        budget(PERSON)
        rig.script(answer("one", 10), answer("two", 10))
        await rig.say("a")
        work = TokenUsage(model="scripted", purpose="summary", input_tokens=5000)
        summary = Summary(text="tea", through_seq=1, tokens=1, created_at=rig.clock())
        await rig.store.save_prepared_summary(dm_scope(), summary, [work])
        assert (await rig.say("b")).replies == ("two",)

    async def test_of_one_person_are_not_those_of_another(self, rig, budget):
        budget(PERSON)
        rig.script(answer("one", 1000), answer("two", 10))
        await rig.say("a", scope=room_scope())
        other = replace(room_scope(), speaker="console:local/grace")
        assert (await rig.say("b", scope=other)).replies == ("two",)

    async def test_of_a_room_are_everybodys_there_and_nobodys_elsewhere(self, rig, budget):
        budget(Budgets(room=Budget(tokens_per_day=1000)))
        rig.script(answer("one", 1000), answer("two", 1000))
        await rig.say("a", scope=room_scope())
        refused = await rig.say("b", scope=replace(room_scope(), speaker="console:local/grace"))
        assert refused.replies[0].startswith("This room's 1,000 tokens")
        assert (await rig.say("c")).replies == ("two",)

    async def test_of_a_tenant_are_those_of_all_its_places(self, rig, budget):
        budget(Budgets(tenant=Budget(tokens_per_day=1000)))
        rig.script(answer("one", 1000))
        await rig.say("a", scope=room_scope())
        assert (await rig.say("b")).replies[0].startswith("This workspace's 1,000 tokens")


class TestRequestsOfAMinute:
    async def test_beyond_the_limit_are_refused_until_the_first_is_a_minute_old(self, rig, budget):
        budget(Budgets(person=Budget(requests_per_minute=2)))
        await rig.answer("a")
        rig.clock.advance(timedelta(seconds=20))
        await rig.answer("b")
        refused = await rig.say("c")
        assert refused.replies == (
            "Your 2 messages a minute are used up; please ask again in 40 s.",
        )
        assert (await rig.say("d")).state == "refused"
        rig.clock.advance(timedelta(seconds=41))
        assert (await rig.answer("e", "here")).replies == ("here",)


class TestForgetting:
    async def test_takes_what_a_payer_was_told_with_it(self, rig, budget):
        budget(PERSON)
        rig.script(answer("one", 900))
        await rig.say("a")
        receipt = await rig.store.forget(dm_scope().speaker, actor="operator", at=rig.clock())
        assert receipt.removed["budget_notices"] == 1
