"""Promise: memory is in people's hands: seen with its source, put right, pinned, taken back."""

from dataclasses import replace

import pytest

from bots.adapter import CommandRequest
from bots.command_families import build_commands
from bots.conversation_commands import StatusInfo
from engine.choices import Choice
from engine.testing import call, say
from tests.engine.builders import dm_scope, room_scope

INFO = StatusInfo(model="m", is_demonstration=False, context_tokens=1000, version="1")
ADA, GRACE = room_scope("ada"), room_scope("grace")


class Hands:
    """A person gives commands and presses the buttons of their answers."""

    def __init__(self, rig):
        self.rig = rig
        self.restart()

    def restart(self):
        self.commands = build_commands(
            store=self.rig.store,
            inbox=self.rig.dispatcher,
            admins=frozenset(),
            now=self.rig.clock,
            info=INFO,
        )

    async def give(self, command, scope=None, confirmed=False, admin=False, **arguments):
        self.rig.clock.advance(60)
        scope = scope or dm_scope()
        request = CommandRequest(
            command=command,
            arguments=arguments,
            scope=scope,
            actor=scope.speaker,
            actor_name="Somebody",
            platform_admin=admin,
            confirmed=confirmed,
        )
        return await self.commands.run(request)

    async def press(self, answer, label, scope=None, admin=False):
        choice = next(one for one in answer.choices if one.label == label)
        return await self.give(
            choice.command, scope, confirmed=choice.confirmed, admin=admin, **choice.arguments
        )

    async def tell(self, text, line, label="human", scope=None, **changes):
        """Somebody says something and the model notes a line of it."""
        self.rig.clock.advance(60)
        noted = call("core_memory_append", label=label, content=line, request_heartbeat=True)
        self.rig.script(noted, call("send_message", message="Noted."))
        await self.rig.say(text, scope=scope or dm_scope(), **changes)

    async def value(self, label="human", scope=None):
        return (await self.rig.block(label, scope)).value

    async def shown(self, topic="", scope=None):
        return (await self.give("memory show", scope, topic=topic)).text


@pytest.fixture
def hands(rig):
    return Hands(rig)


class TestTheWholeRound:
    async def test_told_shown_edited_undone_pinned_forgotten_restored(self, hands):
        await hands.tell("I play the cello, every day.", "Plays the cello.")
        assert "Plays the cello. (you, " not in await hands.shown("viola")
        assert "- Plays the cello. (you, " in await hands.shown("cello")

        edited = await hands.give("memory edit", item="cello", text="Plays the viola.")
        assert await hands.value() == "Plays the viola."
        await hands.press(edited, "Undo")
        assert await hands.value() == "Plays the cello."
        await hands.give("memory edit", item="cello", text="Plays the viola.")

        await hands.give("memory pin", item="viola")
        assert "(pinned, you, " in await hands.shown()
        hands.rig.script(
            call("rethink_user_memory", new_memory="Likes music.", request_heartbeat=True),
            call("send_message", message="I must not."),
        )
        await hands.rig.say("Forget about instruments, will you?")
        assert await hands.value() == "Plays the viola."

        before = hands.rig.clock()
        asked = await hands.give("memory forget", item="viola")
        assert "Plays the viola." in asked.text
        assert asked.confirm
        assert await hands.value() == "Plays the viola."
        done = await hands.give("memory forget", item="viola", confirmed=True)
        assert done.text.startswith("Forgotten, with all that came of it: 1 line.")
        assert await hands.value() == ""

        then = before.isoformat()
        asked = await hands.give("memory restore", time=then)
        assert "Plays the viola." in asked.text
        await hands.give("memory restore", time=then, confirmed=True)
        assert await hands.value() == "Plays the viola."
        assert "(pinned, you, " in await hands.shown()

        history = (await hands.give("memory history", topic="viola")).text
        for operation in ("memory restore", "memory forget", "memory pin", "memory edit"):
            assert operation in history


class TestUndo:
    async def test_repeated_goes_further_back(self, hands):
        await hands.tell("I am Ada.", "Name: Ada.")
        await hands.tell("I live in Kiel.", "Lives in Kiel.")
        first = await hands.give("memory undo")
        assert "Kiel" in first.text
        assert await hands.value() == "Name: Ada."
        await hands.press(first, "Undo the one before")
        assert await hands.value() == ""

    async def test_of_a_pin_is_done_once(self, hands):
        await hands.tell("Tea.", "Likes tea.")
        pinned = await hands.give("memory pin", item="tea")
        await hands.press(pinned, "Undo")
        await hands.give("memory pin", item="tea")
        assert "taken back before" in (await hands.press(pinned, "Undo")).text
        assert (await hands.rig.block("human")).pinned == ("Likes tea.",)

    async def test_gives_a_line_back_to_who_brought_it(self, hands):
        await hands.tell("We meet on Monday.", "Meetings are on Monday.", "room", ADA)
        edited = await hands.give("memory edit", ADA, admin=True, item="Monday", text="None.")
        await hands.press(edited, "Undo", GRACE, admin=True)
        await hands.give("memory edit", ADA, item="Monday", text="Meetings are on Tuesday.")
        assert await hands.value("room", ADA) == "Meetings are on Tuesday."

    async def test_of_one_change_leaves_later_ones(self, hands):
        await hands.tell("I am Ada.", "Name: Ada.")
        history = await hands.give("memory history")
        await hands.tell("I live in Kiel.", "Lives in Kiel.")
        await hands.press(history, history.choices[0].label)
        assert await hands.value() == "Lives in Kiel."

    async def test_twice_of_the_same_changes_nothing_more(self, hands):
        await hands.tell("I am Ada.", "Name: Ada.")
        edited = await hands.give("memory edit", item="Ada", text="Name: Augusta Ada.")
        await hands.press(edited, "Undo")
        again = await hands.press(edited, "Undo")
        assert "taken back before" in again.text
        assert await hands.value() == "Name: Ada."

    async def test_takes_back_a_note_and_lets_the_old_one_stand_again(self, hands):
        hands.rig.script(
            call("archival_memory_insert", content="The harbour master is Jens."),
            say("Noted."),
        )
        await hands.rig.say("The harbour master is Jens.")
        await hands.give("memory edit", item="harbour", text="The harbour master is Ole.")
        await hands.give("memory undo")
        (note,) = await hands.rig.store.passages_with(dm_scope(), "harbour")
        assert note.text == "The harbour master is Jens."
        await hands.give("memory undo")
        assert await hands.rig.store.passages_with(dm_scope(), "harbour") == []

    async def test_without_anything_to_take_back_says_so(self, hands):
        await hands.rig.answer()
        assert "no such change" in (await hands.give("memory undo")).text


class TestForget:
    async def test_erases_what_was_said_and_all_made_of_it(self, hands, tmp_path):
        await hands.tell("My xylophone is blue.", "Owns a blue xylophone.")
        asked = await hands.give("memory forget", item="xylophone")
        assert "erased for good" in asked.text
        done = await hands.give("memory forget", item="xylophone", confirmed=True)
        assert "1 message." in done.text
        assert await hands.value() == ""
        await hands.rig.store.finish_cleaning()
        found = await hands.give("memory search", query="xylophone")
        assert "blue" not in found.text

    async def test_nothing_that_matches_is_one_sentence(self, hands):
        await hands.rig.answer()
        answer = await hands.give("memory forget", item="opera")
        assert "you may change holds these words" in answer.text
        assert answer.confirm is None


class TestWhichLine:
    async def test_is_asked_when_words_fit_several(self, hands):
        await hands.tell("Tea.", "Likes green tea.")
        await hands.tell("More tea.", "Drinks tea at four.")
        which = await hands.give("memory edit", item="tea", text="Likes coffee.")
        assert which.text.startswith("Which one?")
        await hands.press(which, "Likes green tea.")
        assert await hands.value() == "Likes coffee.\nDrinks tea at four."


class TestPins:
    async def test_can_be_undone_and_let_go(self, hands):
        await hands.tell("Tea.", "Likes tea.")
        pinned = await hands.give("memory pin", item="tea")
        await hands.press(pinned, "Unpin")
        assert (await hands.rig.block("human")).pinned == ()
        await hands.give("memory undo")
        assert (await hands.rig.block("human")).pinned == ("Likes tea.",)
        await hands.give("memory edit", item="tea", text="Likes coffee.")
        assert (await hands.rig.block("human")).pinned == ("Likes coffee.",)

    async def test_leave_no_words_of_who_is_forgotten(self, hands):
        await hands.tell("My boat is the Anouk.", "Owns the boat Anouk.", "room", ADA)
        await hands.give("memory pin", ADA, admin=True, item="Anouk")
        await hands.rig.store.forget(ADA.speaker, actor="operator", at=hands.rig.clock())
        block = await hands.rig.block("room", GRACE)
        assert (block.value, block.pinned) == ("", ())


class TestRooms:
    async def talk(self, hands):
        await hands.tell("We meet on Monday.", "Meetings are on Monday.", "room", ADA)
        await hands.tell("I sing.", "Sings.", "human", GRACE)

    async def test_what_is_about_others_is_neither_seen_nor_touched(self, hands):
        await self.talk(hands)
        for command in ("memory forget", "memory edit", "memory pin"):
            answer = await hands.give(command, ADA, item="Sings.", text="x", confirmed=True)
            assert "you may change holds these words" in answer.text
        texts = [
            (await hands.give("memory history", ADA)).text,
            (await hands.give("memory restore", ADA, time="2099-01-01")).text,
            await hands.shown(scope=ADA),
        ]
        assert all("Sings" not in text for text in texts)

    async def test_shared_lines_are_changed_by_who_brought_them_and_by_admins(self, hands):
        await self.talk(hands)
        answer = await hands.give("memory edit", GRACE, item="Monday", text="x")
        assert "you may change holds these words" in answer.text
        assert "no such change" in (await hands.give("memory undo", GRACE, id="b99")).text
        await hands.give("memory edit", ADA, item="Monday", text="Meetings are on Tuesday.")
        await hands.give("memory edit", GRACE, item="Tuesday", text="None.", admin=True)
        assert await hands.value("room", GRACE) == "None."

    async def test_notes_are_changed_by_who_brought_them_and_by_admins(self, hands):
        await hands.give("memory remember", ADA, text="The key hangs by the door.")
        for command in ("memory edit", "memory forget"):
            answer = await hands.give(command, GRACE, item="key", text="Gone.", confirmed=True)
            assert "you may change holds these words" in answer.text
        answer = await hands.give("memory edit", GRACE, item="key", text="Gone.", admin=True)
        assert "It says now: Gone." in answer.text

    async def test_another_s_change_is_not_undone_by_its_id(self, hands):
        await self.talk(hands)
        (change,) = [
            one.id
            for one in await hands.rig.store.changes(ADA, 10)
            if one.pieces[0].label == "room"
        ]
        answer = await hands.give("memory undo", GRACE, id=change)
        assert "no such change" in answer.text
        assert await hands.value("room", GRACE) == "Meetings are on Monday."

    async def test_members_forget_only_what_they_said_themselves(self, hands):
        await self.talk(hands)
        await hands.rig.answer("Monday suits me.", scope=GRACE)
        asked = await hands.give("memory forget", GRACE, item="Monday")
        assert "Monday suits me." in asked.text
        assert "We meet on Monday." not in asked.text

    async def test_a_time_may_be_written_as_people_say_it(self, hands):
        await self.talk(hands)
        hands.rig.clock.advance(2 * 24 * 60 * 60)
        await hands.give("memory forget", GRACE, item="Sings.", confirmed=True)
        for said in ("21 November", "Nov 21 2026", "2026-11-21"):
            assert "Sings." in (await hands.give("memory restore", GRACE, time=said)).text
        for said in ("20 November", "24 December"):  # of last year, when nothing was known
            assert "Sings." not in (await hands.give("memory restore", GRACE, time=said)).text
        assert "3 May" in (await hands.give("memory restore", GRACE, time="long ago")).text

    async def test_a_member_restores_their_own_block_only(self, hands):
        await self.talk(hands)
        then = hands.rig.clock().isoformat()
        await hands.give("memory forget", GRACE, item="Sings.", confirmed=True)
        await hands.give("memory edit", ADA, item="Monday", text="Meetings are on Tuesday.")
        await hands.give("memory restore", GRACE, time=then, confirmed=True)
        assert await hands.value("room", GRACE) == "Meetings are on Tuesday."


class TestCard:
    @pytest.mark.behaviour("who.card", "discord", "slack")
    async def test_follows_its_writer_into_rooms_once_they_have_said_yes(self, hands):
        await hands.rig.answer(scope=ADA)
        asked = await hands.give("memory card", text="I am deaf in one ear.")
        assert asked.confirm
        assert "deaf" not in str((await hands.rig.window(ADA)).blocks)
        await hands.give("memory card", text="I am deaf in one ear.", confirmed=True)
        await hands.rig.answer("Hello again", scope=ADA)
        assert "deaf in one ear" in hands.rig.model.requests[-1].system
        assert 'access="read-only"' in hands.rig.model.requests[-1].system
        mine = await hands.give("memory card")
        await hands.press(mine, "Remove it")
        await hands.rig.answer("And again", scope=ADA)
        assert "deaf" not in hands.rig.model.requests[-1].system

    async def test_is_unknown_in_another_tenant_and_where_its_writer_does_not_speak(self, hands):
        await hands.give("memory card", text="Born in Rome.", confirmed=True)
        elsewhere = replace(
            ADA,
            tenant="console:far",
            agent_id="console:far/channel/C1",
            conversation_id="console:far/channel/C1/main",
            speaker="console:far/ada",
        )
        assert "Rome" not in str((await hands.rig.window(elsewhere)).blocks)
        assert "Rome" not in str((await hands.rig.window(GRACE)).blocks)

    async def test_goes_with_its_writer(self, hands):
        await hands.give("memory card", text="Born in Rome.", confirmed=True)
        await hands.rig.store.forget(dm_scope().speaker, actor="operator", at=hands.rig.clock())
        assert "no card" in (await hands.give("memory card")).text

    async def test_too_long_is_one_sentence(self, hands):
        answer = await hands.give("memory card", text="x" * 501)
        assert "at most 500" in answer.text


class TestRetry:
    async def test_answers_the_last_message_again_when_it_failed(self, hands):
        failed = await hands.rig.say("Are you there?")
        assert failed.state == "failed"
        hands.rig.script(call("send_message", message="I am."))
        answer = await hands.give("retry")
        result = await hands.rig.dispatcher.wait_turn(answer.turn_id)
        assert result.replies == ("I am.",)
        assert "nothing to try again" in (await hands.give("retry")).text


class TestKeptChoices:
    LONG = "a long line " * 20

    async def kept(self, hands):
        await hands.tell("Words.", "Says many words.")
        request = CommandRequest(
            command="memory edit",
            scope=dm_scope(),
            actor=dm_scope().speaker,
            actor_name="Ada",
        )
        choice = (await hands.give("memory pin", item="words")).choices[0]
        long = replace(
            choice, command="memory edit", arguments={"item": "words", "text": self.LONG}
        )
        return await hands.commands.keep(request, long)

    async def test_work_after_a_restart(self, hands):
        choice = await self.kept(hands)
        hands.restart()
        await hands.give(choice.command, **choice.arguments)
        assert await hands.value() == self.LONG.strip()

    async def test_ask_for_rights_again_when_they_are_pressed(self, hands):
        request = CommandRequest(command="help", scope=ADA, actor=ADA.speaker, actor_name="Ada")
        long = Choice(label="x", command="agent persona", arguments={"text": self.LONG})
        choice = await hands.commands.keep(request, long)
        answer = await hands.give(choice.command, ADA, **choice.arguments)
        assert "Only an admin" in answer.text

    async def test_are_for_the_asker_alone_and_for_a_day(self, hands):
        choice = await self.kept(hands)
        other = replace(dm_scope(), speaker="console:local/mallory")
        assert "too old" in (await hands.give(choice.command, other, **choice.arguments)).text
        assert "too old" in (await hands.give(choice.command, ADA, **choice.arguments)).text
        hands.rig.clock.advance(2 * 86_400)
        assert "too old" in (await hands.give(choice.command, **choice.arguments)).text
        assert await hands.value() == "Says many words."
