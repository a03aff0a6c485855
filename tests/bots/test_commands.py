"""The chat commands: what they say, to whom, and what they may not do."""

import io
import json
import zipfile
from dataclasses import replace

import pytest

from bots.adapter import AnswerFile, CommandRequest
from bots.command_families import build_commands
from bots.command_table import COMMANDS, help_text, usage
from bots.conversation_commands import StatusInfo
from bots.texts import text
from bots.typed_commands import parse, typed_form
from engine.budgets import Spent
from engine.records import BlockWrite
from tests.bots.memory_rig import open_memory, scope

INFO = StatusInfo(model="m-1", is_demonstration=False, context_tokens=1000, version="9.9")
ROOM_ADA = scope("ada", room="lab")
ROOM_GRACE = scope("grace", room="lab")
DM = scope("ada")


class Inbox:
    """Counts what is stopped."""

    def __init__(self):
        self.stopped = []

    async def submit(self, event):
        raise AssertionError("commands submit nothing")

    async def stop(self, where):
        self.stopped.append(where)
        return 1

    async def spent(self, where):
        return [Spent(payer="person", tokens=900, limit=1000)]


class Desk:
    """Commands on a real store, asked as anybody."""

    def __init__(self, memory, admins=frozenset(), info=INFO):
        self.memory = memory
        self.inbox = Inbox()
        self.commands = build_commands(
            store=memory.store,
            inbox=self.inbox,
            admins=admins,
            now=memory.clock,
            info=info,
        )

    async def run(self, command, where=DM, **more):
        arguments = more.pop("arguments", {})
        request = CommandRequest(
            command=command,
            arguments=arguments,
            scope=where,
            actor=more.pop("actor", where.speaker),
            actor_name="Somebody",
            **more,
        )
        return await self.commands.run(request)

    async def note(self, where, label, value):
        window = await self.memory.store.load_window(where)
        block = next(block for block in window.blocks if block.label == label)
        write = BlockWrite(
            block=replace(block, value=value, version=block.version + 1),
            author=None,
            source_key=None,
            operation="test",
        )
        await self.memory.store.write_blocks(where, [write], self.memory.clock())


@pytest.fixture
async def desk(tmp_path):
    async with open_memory(tmp_path) as memory:
        yield Desk(memory)


async def room(desk):
    """A room in which two people are known."""
    await desk.memory.reply(ROOM_ADA, "hello Ada")
    await desk.memory.reply(ROOM_GRACE, "hello Grace")
    await desk.note(ROOM_ADA, "human:console:local/ada", "Plays the cello.")
    await desk.note(ROOM_GRACE, "human:console:local/grace", "Writes compilers.")
    await desk.note(ROOM_ADA, "room", "We build a boat.")


class TestShow:
    async def test_a_direct_message_shows_persona_and_person(self, desk):
        await desk.memory.reply(DM, "hi")
        await desk.note(DM, "human", "Name: Ada.")
        text = (await desk.run("memory show")).text
        assert "**human** (10/2000 characters, last written " in text
        assert "- Name: Ada. (" in text
        assert "**persona**" in text

    async def test_a_room_shows_its_own_and_the_asker_s_block_and_nobody_else_s(self, desk):
        await room(desk)
        text = (await desk.run("memory show", ROOM_ADA)).text
        assert "We build a boat." in text
        assert "cello" in text
        assert "compilers" not in text
        other = (await desk.run("memory show", ROOM_GRACE)).text
        assert "compilers" in other
        assert "cello" not in other

    async def test_a_topic_shows_only_its_lines(self, desk):
        await desk.memory.reply(DM, "hi")
        await desk.note(DM, "human", "Plays the cello.\nLives in Kiel.")
        text = (await desk.run("memory show", arguments={"topic": "CELLO"})).text
        assert "cello" in text
        assert "Kiel" not in text

    async def test_a_topic_nobody_spoke_of_is_said_so(self, desk):
        await desk.memory.reply(DM, "hi")
        assert "Nothing" in (await desk.run("memory show", arguments={"topic": "opera"})).text


class TestSearch:
    async def test_finds_what_was_said_here(self, desk):
        await desk.memory.reply(DM, said="the harbour master is called Jens")
        text = (await desk.run("memory search", arguments={"query": "harbour"})).text
        assert "Jens" in text

    async def test_does_not_find_what_was_said_elsewhere(self, desk):
        await desk.memory.reply(DM, said="the harbour master is called Jens")
        await desk.memory.reply(ROOM_ADA, said="the harbour is full")
        text = (await desk.run("memory search", ROOM_ADA, arguments={"query": "harbour"})).text
        assert "the harbour is full" in text
        assert "Jens" not in text

    async def test_nothing_to_look_for_is_one_sentence(self, desk):
        assert (await desk.run("memory search")).text == "Say what to search for."


class TestConversation:
    async def test_new_keeps_memory_and_says_so(self, desk):
        await desk.memory.reply(DM, "hi")
        answer = await desk.run("new")
        window = await desk.memory.store.load_window(DM)
        assert "Memory is kept" in answer.text
        assert window.queue == ()
        assert (await desk.memory.store.counts(DM)).messages > 0
        assert desk.inbox.stopped == [DM]

    async def test_off_the_record_is_an_admins_to_begin_and_end_for_a_whole_channel(self, desk):
        await desk.memory.reply(ROOM_ADA, "hi")
        store, thread = desk.memory.store, f"{ROOM_ADA.agent_id}/thread/1"
        assert "only an admin" in (await desk.run("memory off-the-record", ROOM_ADA)).text
        await desk.run("memory off-the-record", ROOM_ADA, platform_admin=True)
        for command in ("memory on-the-record", "new"):
            assert "only an admin" in (await desk.run(command, ROOM_ADA)).text
        assert await store.is_off_record(ROOM_ADA)
        for command, off in (("memory off-the-record", True), ("new", False)):
            await desk.run(command, replace(ROOM_ADA, conversation_id=thread))
            assert await store.is_off_record(replace(ROOM_ADA, conversation_id=thread)) == off
        await desk.run("new", ROOM_ADA, platform_admin=True)
        assert not await store.is_off_record(ROOM_ADA)

    async def test_stop_ends_what_runs_in_this_conversation(self, desk):
        assert (await desk.run("stop")).text == "Stopped."
        assert desk.inbox.stopped == [DM]


class TestStatus:
    async def test_names_model_gauge_and_counts(self, desk):
        await desk.memory.reply(DM, "hi")
        told = (await desk.run("status")).text
        assert "m-1" in told
        assert "of 1000 tokens" in told
        assert "of what was said and done" in told
        assert text("en", "status.demo") not in told

    async def test_says_when_the_demo_brain_answers(self, desk):
        demo = Desk(desk.memory, info=replace(INFO, is_demonstration=True))
        assert text("en", "status.demo") in (await demo.run("status")).text


class TestRights:
    @pytest.mark.behaviour("command.rights", "slack", "terminal")
    @pytest.mark.parametrize("command", [spec.words for spec in COMMANDS if spec.admin])
    async def test_admin_commands_are_for_admins(self, desk, command):
        await room(desk)
        answer = await desk.run(command, ROOM_ADA, confirmed=True, arguments={"target": "room"})
        assert answer.text == "Only an admin may do that."
        assert (await desk.memory.store.counts(ROOM_ADA)).messages > 0

    async def test_configured_admins_need_no_platform_right(self, desk):
        await desk.memory.reply(ROOM_ADA, "hi")
        for admin in ("console:local/ada", "console:*/ada"):
            allowed = Desk(desk.memory, admins=frozenset({admin}))
            answer = await allowed.run("agent reset", ROOM_ADA, arguments={"target": "room"})
            assert answer.confirm

    async def test_help_lists_what_the_asker_may_do(self, desk):
        assert "agent reset" not in (await desk.run("help")).text
        assert "agent reset" in (await desk.run("help", platform_admin=True)).text

    async def test_an_admin_of_one_workspace_reaches_no_other(self, desk):
        theirs = scope("U2", platform="slack", team="T2")
        await desk.memory.reply(theirs, "hi")
        answer = await desk.run(
            "agent reset",
            scope("U1", room="C1", platform="slack", team="T1"),
            platform_admin=True,
            confirmed=True,
            arguments={"target": "user", "person": "slack:T2/U2"},
        )
        assert "this server or workspace" in answer.text
        assert (await desk.memory.store.counts(theirs)).messages > 0

    async def test_an_admin_of_a_server_does_not_reach_direct_messages(self, desk):
        private = scope("222", platform="discord", team="*")
        await desk.memory.reply(private, "hi")
        where = scope("333", room="9", platform="discord", team="111")
        request = {
            "platform_admin": True,
            "arguments": {"target": "user", "person": "discord:111/222"},
        }
        answer = await desk.run("agent reset", where, **request)
        assert "MEMBOT_ADMINS" in answer.text
        operator = Desk(desk.memory, admins=frozenset({"discord:111/333"}))
        assert (await operator.run("agent reset", where, **request)).confirm

    @pytest.mark.behaviour("how.errors", "discord", "slack", "terminal")
    async def test_what_nobody_foresaw_is_a_sentence_with_an_id_that_is_in_the_log(
        self, desk, caplog
    ):
        async def broken(scope):
            raise ValueError("aubergine"[::-1])

        desk.memory.store.counts = broken
        said = (await desk.run("memory show", ROOM_ADA)).text
        error_id = said.removesuffix(".").split()[-1]
        assert said.startswith("That did not work.")
        assert error_id in caplog.text
        assert "enigrebua" not in caplog.text

    async def test_an_unknown_command_is_one_sentence(self, desk):
        assert "no such command" in (await desk.run("memory dance")).text


class TestReset:
    async def test_offers_a_copy_asks_twice_and_leaves_a_trace(self, desk):
        await room(desk)
        ask = {"platform_admin": True, "arguments": {"target": "room"}}
        first = await desk.run("agent reset", ROOM_ADA, **ask)
        assert first.confirm
        assert [choice.command for choice in first.choices] == ["agent export"]
        second = await desk.run("agent reset", ROOM_ADA, confirmed=True, **ask)
        assert "Are you sure?" in second.text
        assert (await desk.memory.store.counts(ROOM_ADA)).messages > 0
        (wipe,) = second.choices
        assert parse(typed_form(wipe).removesuffix(" --yes"), COMMANDS).arguments == wipe.arguments
        third = await desk.run(
            wipe.command,
            ROOM_ADA,
            platform_admin=True,
            confirmed=wipe.confirmed,
            arguments=wipe.arguments,
        )
        assert "Removed" in third.text
        assert (await desk.memory.store.counts(ROOM_ADA)).messages == 0
        (row, *_) = await desk.memory.store.audit(10)
        assert row.actor == "console:local/ada"
        assert row.subject == ROOM_ADA.agent_id

    async def test_a_direct_message_is_no_room(self, desk):
        answer = await desk.run("agent reset", platform_admin=True, arguments={"target": "room"})
        assert "no room" in answer.text

    @pytest.mark.parametrize("arguments", [{}, {"target": "all"}, {"target": "user"}])
    async def test_what_to_reset_must_be_said(self, desk, arguments):
        answer = await desk.run("agent reset", ROOM_ADA, platform_admin=True, arguments=arguments)
        assert answer.confirm is None


class TestForgetting:
    async def test_takes_two_steps_and_gives_a_receipt(self, desk):
        await desk.memory.reply(DM, said="my secret is plum")
        first = await desk.run("memory forget-me")
        assert first.confirm
        assert (await desk.memory.store.counts(DM)).messages == 1
        second = await desk.run("memory forget-me", confirmed=True)
        assert "Removed" in second.text
        assert (await desk.memory.store.counts(DM)).messages == 0

    async def test_leaves_other_people_alone(self, desk):
        await room(desk)
        await desk.run("memory forget-me", ROOM_ADA, confirmed=True)
        text = (await desk.run("memory show", ROOM_GRACE)).text
        assert "compilers" in text


class TestArchives:
    async def test_a_person_gets_their_own_archive_in_a_direct_message(self, desk):
        await desk.memory.reply(DM, "hi")
        answer = await desk.run("memory export")
        manifest = json.loads(
            zipfile.ZipFile(io.BytesIO(answer.file.content)).read("manifest.json")
        )
        assert DM.agent_id in json.dumps(manifest)

    async def test_in_a_room_a_person_gets_only_what_is_theirs_to_see(self, desk):
        await room(desk)
        answer = await desk.run("memory export", ROOM_ADA)
        assert b"cello" in answer.file.content
        assert b"compilers" not in answer.file.content
        assert b"PK" not in answer.file.content[:2]

    @pytest.mark.behaviour("command.agent-import", "discord", "slack", "terminal")
    async def test_an_archive_goes_into_an_empty_agent_after_a_dry_run(self, desk):
        await room(desk)
        archive = (await desk.run("agent export", ROOM_ADA, platform_admin=True)).file
        elsewhere = scope("ada", room="attic")
        first = await desk.run("agent import", elsewhere, platform_admin=True, file=archive)
        assert first.confirm
        assert (await desk.memory.store.counts(elsewhere)).messages == 0
        second = await desk.run(
            "agent import", elsewhere, platform_admin=True, file=archive, confirmed=True
        )
        assert "Imported" in second.text
        expected = await desk.memory.store.counts(ROOM_ADA)
        assert await desk.memory.store.counts(elsewhere) == expected

    async def test_a_damaged_archive_is_refused(self, desk):
        answer = await desk.run(
            "agent import",
            ROOM_ADA,
            platform_admin=True,
            file=AnswerFile(name="x.zip", content=b"nonsense"),
        )
        assert answer.confirm is None
        assert "nothing was changed" in answer.text

    async def test_an_import_needs_its_file(self, desk):
        assert "Attach" in (await desk.run("agent import", ROOM_ADA, platform_admin=True)).text


class TestTable:
    async def test_every_row_can_be_run(self, desk):
        assert {spec.words for spec in COMMANDS} == set(desk.commands._handlers)

    def test_help_is_made_from_it(self):
        text = help_text(admin=True)
        assert all(usage(spec) in text for spec in COMMANDS)

    def test_words_and_option_names_fit_every_platform(self):
        for spec in COMMANDS:
            assert 1 <= len(spec.words.split()) <= 2
            assert len(spec.summary) <= 100
            names = [name.removesuffix("?") for name in spec.options]
            assert all(name.isalpha() and name.islower() for name in names)
            needed = [name.endswith("?") for name in spec.options]
            assert needed == sorted(needed), "options that may be left out come last"
