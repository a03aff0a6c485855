"""What people change themselves: wiped, forgotten, taken along and brought back like all else."""

from dataclasses import replace

from engine.corrections import Correction, with_lines
from engine.kept_choices import KeptChoice
from engine.records import BlockWrite, Passage, Revision
from tests.bots.memory_rig import open_memory, scope

ADA, ROOM = scope("ada"), scope("ada", room="lab")
LONG = KeptChoice(command="memory edit", arguments={"text": "zanzibar"}, confirmed=False)


async def written(memory, where, line, pinned=()):
    """A line of the speaker's own block, written by hand; the change."""
    await memory.reply(where, "hello")
    block = next(
        one
        for one in (await memory.store.load_window(where)).blocks
        if one.label.startswith("human")
    )
    write = BlockWrite(
        block=with_lines(block, [*block.value.splitlines(), line], pinned),
        author=where.speaker,
        source_key=None,
        operation="memory edit",
    )
    correction = Correction(
        actor=where.speaker, action="memory edit", blocks=(write,), at=memory.clock()
    )
    return await memory.store.correct(where, correction)


class TestArchives:
    async def test_carry_pins(self, tmp_path):
        async with open_memory(tmp_path) as memory:
            await written(memory, ADA, "Sails.", ["Sails."])
            file = tmp_path / "memory.zip"
            await memory.store.export(ADA.agent_id, file, memory.clock())
            await memory.store.import_archive(
                file, agent_id="console:local/user/bob", dry_run=False, at=memory.clock()
            )
            (block,) = [
                one
                for one in await memory.store.blocks("console:local/user/bob")
                if one.label == "human"
            ]
            assert block.pinned == ("Sails.",)
            history = await memory.store.block_history("console:local/user/bob", "human")
            assert history[-1].pinned == ("Sails.",)


class TestKeptChoices:
    async def test_go_with_the_agent(self, tmp_path):
        async with open_memory(tmp_path) as memory:
            await memory.reply(ADA, "hello")
            key = await memory.store.keep_choice(ADA, LONG, memory.clock())
            await memory.store.reset(
                ADA.agent_id, conversation_only=False, actor="operator", at=memory.clock()
            )
            assert await memory.store.kept_choice(ADA, key, memory.clock()) is None

    async def test_leave_once_they_are_a_day_old(self, tmp_path):
        async with open_memory(tmp_path) as memory:
            key = await memory.store.keep_choice(ADA, LONG, memory.clock())
            assert await memory.store.kept_choice(ADA, key, memory.clock()) == LONG
            memory.clock.advance(90_000)
            assert await memory.store.kept_choice(ADA, key, memory.clock()) is None


class TestForgettingAPerson:
    async def test_leaves_none_of_their_words_in_the_file(self, tmp_path):
        async with open_memory(tmp_path) as memory:
            await written(memory, ROOM, "Owns the zanzibar.", ["Owns the zanzibar."])
            await memory.store.keep_choice(ROOM, LONG, memory.clock())
            speaker = ROOM.speaker
            await memory.store.keep_card(speaker, "Ada", "From zanzibar.", memory.clock())
            await memory.store.forget(speaker, actor="operator", at=memory.clock())
            assert await memory.store.card(speaker) is None
        files = [file.read_bytes() for file in tmp_path.glob("membot.db*")]
        assert all(b"zanzibar" not in content for content in files)


class TestUndo:
    async def test_reaches_no_other_agent(self, tmp_path):
        async with open_memory(tmp_path) as memory:
            change = await written(memory, ADA, "Sails.")
            await memory.reply(ROOM, "hello")
            at = memory.clock()
            assert not await memory.store.undo(ROOM, change, actor=ROOM.speaker, at=at)
            (version,) = [one.id for one in await memory.store.changes(ADA, 10)]
            assert not await memory.store.undo(ROOM, version, actor=ROOM.speaker, at=at)
            assert await memory.store.changes(ROOM, 10) == []

    async def test_of_a_note_that_has_been_replaced_since_changes_nothing(self, tmp_path):
        async with open_memory(tmp_path) as memory:
            at = memory.clock()
            await memory.reply(ADA, "hello")
            old = Passage(id="old", text="Tea at four.", created_at=at)
            new = replace(old, id="new", text="Tea at five.")
            made = Correction(actor="a", action="memory edit", passages=(old,), at=at)
            change = await memory.store.correct(ADA, made)
            revision = Revision(passage_id="old", successor="new")
            replaced = replace(made, passages=(new,), revisions=(revision,))
            await memory.store.correct(ADA, replaced)
            assert not await memory.store.undo(ADA, change, actor="a", at=at)
            (note,) = await memory.store.passages_with(ADA, "tea")
            assert note.text == "Tea at five."
