"""Promise: where the bot is met for the first time it says once what it keeps, and who decides."""

from dataclasses import replace

import pytest

from bots.first_meeting import greetings
from engine.testing import call, say
from tests.engine.builders import ADA, dm_scope, event, room_scope

HI = call("send_message", message="Hi.")


@pytest.fixture
def polite(rig):
    rig.config = replace(rig.config, greetings=greetings(400))
    rig.start_engine()
    return rig


async def said(rig):
    """Everything in the outbox, in its order, taken out of it."""
    texts = []
    while due := await rig.store.outbox_due("console", rig.clock(), 10):
        for item in due:
            texts.append(item)
            await rig.store.mark_sending(item.id, rig.clock())
            await rig.store.mark_sent(item.id, item.id, rig.clock())
    return texts


class TestAChannel:
    @pytest.mark.behaviour("first.notice", "discord", "slack")
    @pytest.mark.behaviour("first.consent", "discord", "slack")
    async def test_is_told_once_with_three_buttons(self, polite):
        place = room_scope().agent_id
        await polite.answer(scope=room_scope(), meets=place)
        await polite.answer(scope=room_scope("bob"), meets=place, name="Bob")
        first, second = await said(polite)
        assert first.text.startswith("Hi.\n\n")
        assert "messages for 400 days" in first.text
        assert (second.text, second.choices) == ("Hi.", ())
        assert [(one.label, dict(one.arguments)) for one in first.choices] == [
            ("Answer only", {"mode": "mention", "learning": "off"}),
            ("Remember what is said to me", {"mode": "mention", "learning": "on"}),
            ("Listen", {"mode": "listen", "learning": "on"}),
        ]

    async def test_is_told_once_when_the_event_comes_twice_and_after_a_restart(self, polite):
        place = room_scope().agent_id
        one = event(scope=room_scope(), meets=place)
        polite.script(HI)
        accepted = await polite.dispatcher.submit(one)
        await polite.dispatcher.submit(one)
        await polite.dispatcher.wait_turn(accepted.turn_id)
        await polite.dispatcher.close()
        polite.start_engine()
        await polite.answer(scope=room_scope(), meets=place)
        assert [len(item.choices) for item in await said(polite)] == [3, 0]

    async def test_is_told_with_the_failure_when_the_first_message_cannot_be_answered(self, polite):
        polite.script(RuntimeError("no"))
        await polite.say(scope=room_scope(), meets=room_scope().agent_id)
        (only,) = await said(polite)
        assert "messages for 400 days" in only.text

    async def test_is_told_alone_when_the_bot_keeps_silent(self, polite):
        polite.script(say(""))
        overheard = {"kind": "overheard", "meets": room_scope().agent_id}
        await polite.say("Nice weather", scope=room_scope(), **overheard)
        (only,) = await said(polite)
        assert "messages for 400 days" in only.text

    async def test_is_told_again_when_everything_was_wiped(self, polite):
        place = room_scope().agent_id
        await polite.answer(scope=room_scope(), meets=place)
        await polite.store.reset(place, conversation_only=False, actor=ADA, at=polite.clock())
        await polite.answer(scope=room_scope(), meets=place)
        texts = [item.text for item in await said(polite)]
        assert ["messages for 400 days" in text for text in texts] == [True]

    async def test_that_chose_to_be_answered_only_is_not_learned_from(self, polite):
        note = call("archival_memory_insert", content="Oslo", request_heartbeat=True)
        polite.script(note, HI)
        await polite.say("I live in Oslo", scope=room_scope(), learns=False)
        assert (await polite.store.counts(room_scope())).passages == 0


class TestAPerson:
    @pytest.mark.behaviour("first.dm", "discord", "slack")
    async def test_reads_two_lines_with_three_commands(self, polite):
        await polite.answer(meets=dm_scope().agent_id)
        (answer,) = await said(polite)
        words, _, greeting = answer.text.partition("\n\n")
        assert words == "Hi."
        assert len(greeting.splitlines()) == 2
        assert greeting.count("`") == 6
        assert answer.choices == ()

    async def test_in_the_terminal_reads_nothing(self, polite):
        await polite.answer()
        assert [item.text for item in await said(polite)] == ["Hi."]
