"""Promise: whoever was answered sees what of memory was used and written, and can take it back."""

import json

import pytest

from bots.adapter import CommandRequest
from bots.command_families import build_commands
from bots.conversation_commands import StatusInfo
from engine.records import ArchivalSearch
from engine.testing import call, calls
from tests.engine.builders import dm_scope, room_scope

INFO = StatusInfo(model="scripted", is_demonstration=False, context_tokens=32768, version="0")
HUMAN = "human:console:local/ada"


class Desk:
    """An engine with the commands beside it."""

    def __init__(self, rig):
        self.rig = rig
        self.commands = build_commands(
            store=rig.store, inbox=rig.dispatcher, admins=frozenset(), now=rig.clock, info=INFO
        )

    async def run(self, command, scope=None, **more):
        scope = scope or dm_scope()
        request = CommandRequest(
            command=command, scope=scope, actor=scope.speaker, actor_name="Ada", **more
        )
        return await self.commands.run(request)

    async def press(self, answer, label, scope=None):
        """Press a button of an answer, and its second step where it asks for one."""
        choice = next(one for one in answer.choices if one.label.startswith(label))
        pressed = {"arguments": choice.arguments}
        answer = await self.run(choice.command, scope, **pressed)
        if answer.confirm:
            answer = await self.run(choice.command, scope, confirmed=True, **pressed)
        return answer.text

    async def told(self, text, *wrote, scope=None, **changes):
        """A message that the model answers by writing; the receipt of the answer."""
        self.rig.script(calls(*wrote, ("send_message", {"message": "Noted."})))
        await self.rig.say(text, scope=scope, **changes)
        return await self.run("receipt", scope)

    async def noted(self, query):
        page = await self.rig.store.search_archival(dm_scope(), ArchivalSearch(query=query))
        return [hit.text for hit in page.hits]


@pytest.fixture
def desk(rig):
    return Desk(rig)


def append(content, label="human"):
    return ("core_memory_append", {"label": label, "content": content})


def insert(content):
    return ("archival_memory_insert", {"content": content})


class TestWhatWasUsed:
    @pytest.mark.behaviour("receipt.used", "discord", "slack")
    async def test_it_shows_the_hits_of_searches_and_the_blocks_by_name_only(self, desk, rig):
        await desk.told("My cat is called Tom", append("Has a cat."), insert("The cat is Tom."))
        rig.script(
            call("conversation_search", query="cat", request_heartbeat=True),
            call("archival_memory_search", query="cat", request_heartbeat=True),
            call("send_message", message="Tom."),
        )
        await rig.say("What is my cat called?")
        shown = (await desk.run("receipt")).text
        assert "**In mind**: `persona`, `human`" in shown
        assert "Ada: My cat is called Tom" in shown
        assert "The cat is Tom." in shown
        assert "Has a cat." not in shown
        assert "**Written**" not in shown

    async def test_an_answer_without_any_says_so(self, desk, rig):
        await rig.answer()
        answer = await desk.run("receipt")
        assert "used and wrote nothing" in answer.text
        assert answer.choices == ()

    async def test_a_memory_that_was_forgotten_since_is_not_shown(self, desk, rig):
        first = await rig.answer("My cat is called Tom", key="5")
        rig.script(
            call("conversation_search", query="cat", request_heartbeat=True),
            call("send_message", message="Tom."),
        )
        result = await rig.say("What is my cat called?")
        assert "called Tom" in (await desk.run("receipt")).text
        key = (await rig.window()).queue[1].source_key
        assert first.turn_id != result.turn_id
        assert await rig.dispatcher.delete("console:local", [key]) == 1
        assert "called Tom" not in (await desk.run("receipt")).text

    async def test_other_people_of_a_room_see_what_is_shared_and_nothing_to_press(self, desk):
        ada, bob = room_scope("ada"), room_scope("bob")
        mine = await desk.told(
            "I like tea", append("Likes tea."), append("A tea room.", "room"), scope=ada
        )
        turn = await desk.rig.store.receipt(ada, None)
        assert "Likes tea." in mine.text
        assert len(mine.choices) == 6
        seen = await desk.run("receipt", bob, arguments={"turn": turn.turn.id})
        assert "A tea room." in seen.text
        assert "Likes tea." not in seen.text
        assert HUMAN not in seen.text
        assert seen.choices == ()

    async def test_nobody_opens_one_from_elsewhere(self, desk):
        await desk.told("I like tea", append("Likes tea."))
        turn = (await desk.rig.store.receipt(dm_scope(), None)).turn.id
        for scope in (dm_scope("bob"), room_scope("ada")):
            answer = await desk.run("receipt", scope, arguments={"turn": turn})
            assert "used and wrote nothing" in answer.text


class TestUndo:
    @pytest.mark.behaviour("receipt.written", "discord", "slack")
    @pytest.mark.behaviour("receipt.undo", "discord", "slack")
    async def test_it_takes_back_exactly_that_write(self, desk, rig):
        await desk.told("I like tea", append("Likes tea."))
        receipt = await desk.told("And cats", append("Likes cats."), insert("Ada has cats."))
        assert "Taken back" in await desk.press(receipt, "Undo b")
        assert (await rig.block("human")).value == "Likes tea."
        assert await desk.noted("cats") == ["Ada has cats."]
        assert "Taken back" in await desk.press(receipt, "Undo p")
        assert await desk.noted("cats") == []

    async def test_a_second_press_and_a_later_change_are_said(self, desk, rig):
        receipt = await desk.told("I like tea", append("Likes tea."))
        await desk.press(receipt, "Undo")
        assert "nothing was changed" in await desk.press(receipt, "Undo")
        again = await desk.told("I do like tea", append("Likes tea."))
        swap = {"label": "human", "old_content": "tea", "new_content": "green tea"}
        await desk.told("Green tea", ("core_memory_replace", swap))
        assert "nothing was changed" in await desk.press(again, "Undo")
        assert (await rig.block("human")).value == "Likes green tea."

    async def test_a_reminder_is_cancelled(self, desk, rig):
        due = {"when": "2026-12-01 09:00", "reason": "buy tea"}
        receipt = await desk.told("Remind me", ("schedule_message", due))
        assert [one.label for one in receipt.choices] == ["Undo", "Forget"]
        await desk.press(receipt, "Undo")
        assert await rig.store.schedules(dm_scope()) == []

    async def test_in_a_room_it_is_for_who_was_answered_or_an_admin(self, desk, rig):
        ada, bob = room_scope("ada"), room_scope("bob")
        receipt = await desk.told("We sail", append("Sails.", "room"), scope=ada)
        (undo, *_) = receipt.choices
        refused = await desk.run(undo.command, bob, arguments=undo.arguments)
        assert "Only the person" in refused.text
        assert (await rig.block("room", ada)).value == "Sails."
        done = await desk.run(undo.command, bob, arguments=undo.arguments, platform_admin=True)
        assert "Taken back" in done.text
        assert (await rig.block("room", ada)).value == ""

    async def test_what_is_about_another_person_is_no_business_of_theirs(self, desk, rig):
        ada, bob = room_scope("ada"), room_scope("bob")
        receipt = await desk.told("I like tea", append("Likes tea."), scope=ada)
        for command in ("write undo", "write forget", "write not-true"):
            answer = await desk.run(
                command, bob, arguments=receipt.choices[0].arguments, platform_admin=True
            )
            assert "not remembered" in answer.text
        assert (await rig.block(HUMAN, ada)).value == "Likes tea."


class TestForget:
    @pytest.mark.behaviour("receipt.forget", "discord", "slack")
    async def test_the_message_goes_with_all_that_came_of_it_after_a_second_step(self, desk, rig):
        receipt = await desk.told("I love xylophonequartz", insert("Ada loves xylophonequartz."))
        asked = await desk.run(receipt.choices[1].command, arguments=receipt.choices[1].arguments)
        assert asked.confirm == "Forget it"
        assert await desk.noted("xylophonequartz")
        assert "Forgotten" in await desk.press(receipt, "Forget")
        await rig.store.finish_cleaning()
        folder = rig.store._database.path.parent
        assert not [it for it in folder.iterdir() if b"xylophonequartz" in it.read_bytes()]
        assert "used and wrote nothing" in (await desk.run("receipt")).text

    async def test_what_it_replaced_stands_again(self, desk, rig):
        await desk.told("I like tea", append("Likes tea."))
        swap = {"label": "human", "old_content": "tea", "new_content": "coffee"}
        receipt = await desk.told("No, coffee", ("core_memory_replace", swap))
        await desk.press(receipt, "Forget")
        assert (await rig.block("human")).value == "Likes tea."

    async def test_whose_words_they_were_decides_and_not_whom_they_are_about(self, desk, rig):
        ada, bob = room_scope("ada"), room_scope("bob")
        await desk.told("I sail", append("Sails."), scope=ada)
        await desk.told("Ada likes tea", append("Likes tea.", HUMAN), scope=bob)
        (write,) = (await rig.store.receipt(bob, None)).written
        arguments = {"write": write.id}
        refused = await desk.run("write forget", ada, arguments=arguments, confirmed=True)
        assert "Only the person who said it" in refused.text
        assert "Taken back" in (await desk.run("write undo", ada, arguments=arguments)).text
        assert (await rig.block(HUMAN, ada)).value == "Sails."


class TestNotTrue:
    @pytest.mark.behaviour("receipt.not-true", "discord", "slack")
    async def test_it_is_withdrawn_and_not_learnt_again_from_that_message(self, desk, rig):
        receipt = await desk.told("I left Berlin", insert("Ada lives in Berlin."))
        assert "not to learn it again" in await desk.press(receipt, "Not true")
        (note,) = await desk.noted("Berlin")
        assert note.startswith("Ada says that this is not true: Ada lives in Berlin.")
        await rig.answer("Hello again")
        sent = [json.loads(item) for item in rig.model.requests[-1].messages]
        assert any("this is not true: Ada lives" in (one["content"] or "") for one in sent)
        seen = await rig.store.load_reflection(dm_scope(), tokens=9999, whole_queue=True)
        assert "I left Berlin" not in [one.text for one in seen.messages]

    async def test_a_line_of_a_block_goes_and_its_note_is_found(self, desk, rig):
        receipt = await desk.told("I left Berlin", append("Lives in Berlin."))
        await desk.press(receipt, "Not true")
        assert (await rig.block("human")).value == ""
        assert "Lives in Berlin." in (await desk.noted("Berlin"))[0]

    async def test_the_note_is_forgotten_with_the_person(self, desk, rig):
        receipt = await desk.told("I left xylophonequartz", append("Lives in xylophonequartz."))
        await desk.press(receipt, "Not true")
        await desk.run("memory forget-me", confirmed=True)
        folder = rig.store._database.path.parent
        assert not [it for it in folder.iterdir() if b"xylophonequartz" in it.read_bytes()]
