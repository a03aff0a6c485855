"""Promise: where the bot is met for the first time it says once what it keeps, and who decides."""

from dataclasses import replace

import pytest

from bots.first_meeting import greetings
from engine.testing import call
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
        notice, *rest = await said(polite)
        assert "messages for 400 days" in notice.text
        assert [item.kind for item in rest] == ["answer", "answer"]
        assert [(one.label, dict(one.arguments)) for one in notice.choices] == [
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
        assert [item.kind for item in await said(polite)] == ["notice", "answer", "answer"]

    async def test_is_told_again_when_everything_was_wiped(self, polite):
        place = room_scope().agent_id
        await polite.answer(scope=room_scope(), meets=place)
        await polite.store.reset(place, conversation_only=False, actor=ADA, at=polite.clock())
        await polite.answer(scope=room_scope(), meets=place)
        assert [item.kind for item in await said(polite)] == ["notice", "answer"]

    async def test_that_chose_to_be_answered_only_is_not_learned_from(self, polite):
        note = call("archival_memory_insert", content="Oslo", request_heartbeat=True)
        polite.script(note, HI)
        await polite.say("I live in Oslo", scope=room_scope(), learns=False)
        assert (await polite.store.counts(room_scope())).passages == 0


class TestAPerson:
    @pytest.mark.behaviour("first.dm", "discord", "slack")
    async def test_reads_two_lines_with_three_commands(self, polite):
        await polite.answer(meets=dm_scope().agent_id)
        notice, answer = await said(polite)
        assert len(notice.text.splitlines()) == 2
        assert notice.text.count("`") == 6
        assert notice.choices == ()
        assert answer.text == "Hi."

    async def test_in_the_terminal_reads_nothing(self, polite):
        await polite.answer()
        assert [item.text for item in await said(polite)] == ["Hi."]
