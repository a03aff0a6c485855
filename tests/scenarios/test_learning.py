"""Promise: nobody is learned about who does not want it, and off the record leaves nothing."""

import pytest

from engine.records import Attachment, RecallSearch
from engine.testing import Gate, call
from tests.engine.builders import ADA, dm_scope, event, room_scope
from tests.storage.builders import summary

SECRET = "the plum tree"
NOTE = call("archival_memory_insert", content=f"Ada likes {SECRET}", request_heartbeat=True)
WRITE = call("core_memory_append", label="human", content=SECRET, request_heartbeat=True)
HI = call("send_message", message=f"I like {SECRET} too.")


async def found(rig, scope=None):
    page = await rig.store.search_recall(scope or dm_scope(), RecallSearch(query="plum tree"))
    listed = await rig.store.list_recall(scope or dm_scope(), RecallSearch(query="", page_size=99))
    return [hit.text for hit in (*page.hits, *listed.hits) if SECRET in hit.text]


class TestNever:
    """ "Don't remember me"."""

    @pytest.fixture
    async def unknown(self, rig):
        await rig.store.set_wish(ADA, "never", rig.clock())

    @pytest.mark.behaviour("first.never", "discord", "slack")
    @pytest.mark.parametrize("scope", [dm_scope(), room_scope(), room_scope(room="other")])
    async def test_holds_everywhere_and_the_words_are_gone_with_the_turn(self, rig, unknown, scope):
        rig.script(HI)
        result = await rig.say(f"I like {SECRET}", scope=scope)
        assert result.replies == (f"I like {SECRET} too.",)
        assert await found(rig, scope) == []
        window = await rig.window(scope)
        assert SECRET not in "".join(item.payload for item in window.queue)
        assert (await rig.store.counts(scope)).messages == 0

    async def test_nothing_is_noted_and_the_model_is_told_why(self, rig, unknown):
        rig.script(NOTE, HI)
        await rig.say(f"I like {SECRET}", scope=room_scope())
        assert (await rig.store.counts(room_scope())).passages == 0
        assert "Nothing of this may be stored" in "".join(rig.model.requests[1].messages)

    async def test_there_is_no_block_about_them(self, rig, unknown):
        rig.script(WRITE, HI)
        await rig.say(f"I like {SECRET}", scope=room_scope())
        labels = [block.label for block in await rig.store.blocks(room_scope().agent_id)]
        assert labels == ["persona", "room"]

    async def test_others_write_nothing_into_the_block_they_had(self, rig):
        await rig.answer("Hello", scope=room_scope())
        await rig.store.set_wish(ADA, "never", rig.clock())
        about = call(
            "core_memory_append", label=f"human:{ADA}", content=SECRET, request_heartbeat=True
        )
        rig.script(about, call("send_message", message="No."))
        await rig.say("Ada likes plums", scope=room_scope("bob"), name="Bob", mentions=(ADA,))
        blocks = await rig.store.blocks(room_scope().agent_id)
        assert not any(SECRET in block.value for block in blocks)

    async def test_a_turn_that_runs_begins_again_under_it(self, rig):
        gate = Gate(NOTE)
        rig.script(gate, NOTE, HI)
        accepted = await rig.dispatcher.submit(event(f"I like {SECRET}"))
        await gate.reached.wait()
        await rig.store.set_wish(ADA, "never", rig.clock())
        gate.release.set()
        await rig.dispatcher.wait_turn(accepted.turn_id)
        while await rig.store.agents_with_turns():
            pass
        assert (await rig.store.counts(dm_scope())).passages == 0

    async def test_a_message_that_waits_is_gone_with_its_turn_too(self, rig):
        gate = Gate(HI)
        rig.script(gate, HI)
        await rig.dispatcher.submit(event("Hello"))
        await gate.reached.wait()
        rig.clock.advance(10)
        second = await rig.dispatcher.submit(event(f"I like {SECRET}"))
        await rig.store.set_wish(ADA, "never", rig.clock())
        rig.script(HI, HI)
        gate.release.set()
        await rig.dispatcher.wait_turn(second.turn_id)
        assert await found(rig) == []

    async def test_a_stopped_turn_leaves_nothing_either(self, rig, unknown):
        gate = Gate(HI)
        rig.script(gate)
        accepted = await rig.dispatcher.submit(event(f"I like {SECRET}"))
        await gate.reached.wait()
        await rig.dispatcher.stop(dm_scope())
        await rig.dispatcher.wait_turn(accepted.turn_id)
        assert (await rig.window()).queue == ()

    async def test_what_was_said_in_a_guildless_place_holds_in_every_guild(self, rig):
        await rig.store.set_wish("discord:*/7", "never", rig.clock())
        assert await rig.store.wish_of("discord:111/7") == "never"
        assert await rig.store.wish_of("discord:111/77") is None
        assert await rig.store.wish_of("slack:111/7") is None

    async def test_it_outlives_being_forgotten(self, rig, unknown):
        await rig.answer("Hello")
        await rig.store.forget(ADA, actor=ADA, at=rig.clock())
        assert await rig.store.wish_of(ADA) == "never"

    @pytest.mark.behaviour("command.memory-resume", "discord", "slack", "terminal")
    async def test_resume_ends_it(self, rig, unknown):
        await rig.store.set_wish(ADA, None, rig.clock())
        await rig.answer(f"I like {SECRET}")
        assert await found(rig)


class TestPause:
    """Nothing is made of what somebody says."""

    @pytest.mark.behaviour("command.memory-pause", "discord", "slack", "terminal")
    async def test_words_are_kept_and_nothing_is_noted(self, rig):
        await rig.store.set_wish(ADA, "pause", rig.clock())
        rig.script(NOTE, WRITE, HI)
        await rig.say(f"I like {SECRET}")
        assert await found(rig)
        assert (await rig.store.counts(dm_scope())).passages == 0
        assert (await rig.block("human")).value == ""

    async def test_the_memory_agent_does_not_read_it_later(self, rig):
        await rig.store.set_wish(ADA, "pause", rig.clock())
        await rig.answer(f"I like {SECRET}")
        await rig.store.set_wish(ADA, None, rig.clock())
        await rig.answer("Hello again")
        seen = await rig.store.load_reflection(dm_scope(), tokens=9999, whole_queue=True)
        assert [item.text for item in seen.messages] == ["Hello again", "Hi."]

    async def test_nothing_of_it_can_be_pinned(self, rig):
        await rig.answer("Hello")
        await rig.store.set_wish(ADA, "pause", rig.clock())
        await rig.answer(f"I like {SECRET}")
        queue = (await rig.window()).queue
        learnable = await rig.store.learnable(dm_scope(), queue)
        said = [item.text for item in queue if item.text]
        assert said[:3] == ["Hello", "Hi.", f"I like {SECRET}"]
        assert [item.text for item in learnable if item.text] == ["Hello", "Hi."]

    async def test_a_file_is_not_read_and_its_sender_is_told(self, rig):
        await rig.store.set_wish(ADA, "pause", rig.clock())
        file = Attachment(name="a.pdf", media_type="application/pdf", size_bytes=3, url="u")
        rig.script(HI)
        await rig.say("read this", attachments=(file,))
        assert await rig.store.agents_with_uploads() == []
        due = await rig.store.outbox_due("console", rig.clock(), 10)
        assert "not read the file" in due[0].text


class TestOffTheRecord:
    """A conversation that is in the window while it runs, and nowhere else."""

    @pytest.fixture
    async def off(self, rig):
        await rig.answer("Hello")
        await rig.store.go_off_record(dm_scope(), rig.clock())
        rig.script(NOTE, WRITE, HI)
        await rig.say(f"I like {SECRET}")

    @pytest.mark.behaviour("command.memory-off-the-record", "discord", "slack", "terminal")
    async def test_is_in_the_window_and_not_in_memory(self, rig, off):
        assert SECRET in "".join(item.payload for item in (await rig.window()).queue)
        assert await found(rig) == []
        assert (await rig.store.counts(dm_scope())).passages == 0
        assert (await rig.block("human")).value == ""

    @pytest.mark.parametrize("ends", ["go_on_record", "start_conversation"])
    async def test_leaves_nothing_when_it_ends(self, rig, off, ends, tmp_path):
        await getattr(rig.store, ends)(dm_scope(), rig.clock())
        assert not await rig.store.is_off_record(dm_scope())
        assert SECRET not in "".join(item.payload for item in (await rig.window()).queue)
        assert "Hello" in [
            hit.text
            for hit in (await rig.store.list_recall(dm_scope(), RecallSearch(query=""))).hits
        ]
        await rig.answer(f"Now I say {SECRET}")
        assert await found(rig)

    async def test_goes_with_the_summary_that_covered_it(self, rig, off):
        last = (await rig.window()).queue[-1].seq
        covering = summary(SECRET, through_seq=last)
        await rig.store.save_flush(dm_scope(), covering, [], rig.clock())
        await rig.store.go_on_record(dm_scope(), rig.clock())
        assert (await rig.window()).summary is None

    async def test_does_not_leave_in_an_archive(self, rig, off, tmp_path):
        await rig.store.export(dm_scope().agent_id, tmp_path / "a.zip", rig.clock())
        await rig.store.import_archive(
            tmp_path / "a.zip", agent_id="console:local/user/copy", dry_run=False, at=rig.clock()
        )
        assert await found(rig, dm_scope("copy")) == []

    async def test_another_conversation_is_on_the_record(self, rig, off):
        await rig.answer(f"I like {SECRET}", scope=room_scope())
        assert await found(rig, room_scope())
