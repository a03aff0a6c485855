"""Promise: memory follows what people edit and delete, and starts no answer because of it."""

import json
from dataclasses import replace

import pytest

from engine.records import ArchivalSearch, Attachment, Quote, RecallSearch, Summary
from engine.testing import Gate, HashEmbedder, call, calls, say
from storage.sqlite import unlearning
from storage.sqlite.store import SqliteStore
from tests.engine.builders import dm_scope, event, room_scope
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture

SECRET = "xylophonequartz"
TENANT = "console:local"


@pytest.fixture
def memory():
    return {}


@pytest.fixture
def key():
    return event(key="5").source_key


async def found(rig, query, scope=None):
    page = await rig.store.search_recall(scope or dm_scope(), RecallSearch(query=query))
    return [hit.text for hit in page.hits]


async def envelopes(rig, scope=None):
    window = await rig.window(scope)
    entries = [json.loads(item.payload) for item in window.queue if item.role == "user"]
    return [json.loads(entry["content"]) for entry in entries]


async def holds(rig, words):
    await rig.store.finish_cleaning()
    folder = rig.store._database.path.parent
    return [file.name for file in folder.iterdir() if words.encode() in file.read_bytes()]


class TestEdits:
    @pytest.mark.behaviour("change.edit", "discord", "slack")
    async def test_search_finds_the_new_words_alone(self, rig, key):
        await rig.answer("The meeting is on Tuesday", key="5")
        assert await rig.dispatcher.edit(TENANT, key, "The meeting is on Friday")
        assert "The meeting is on Friday" in await found(rig, "meeting friday")
        assert "The meeting is on Tuesday" not in await found(rig, "meeting tuesday")

    async def test_the_agent_reads_it_when_it_is_next_spoken_to(self, rig, key):
        await rig.answer("The meeting is on Tuesday", key="5")
        await rig.dispatcher.edit(TENANT, key, "The meeting is on Friday")
        assert await rig.store.agents_with_turns() == []
        assert len(rig.model.requests) == 1
        await rig.answer("When do we meet?")
        assert "Tuesday" not in "".join(rig.model.requests[-1].messages)
        shown = [one for one in await envelopes(rig) if one["type"] == "message_edited"]
        assert [(one["message"], one["name"]) for one in shown] == [
            ("The meeting is on Friday", "Ada")
        ]

    async def test_its_vector_is_made_anew(self, rig, key, tmp_path):
        await rig.answer("The meeting is on Tuesday", key="5")
        await rig.store.close()
        rig.store = await SqliteStore.open(
            rig.store._database.path, embedder=HashEmbedder(), now=rig.clock
        )
        rig.start_engine()
        _ = [step async for step in rig.store.reindex()]
        await rig.dispatcher.edit(TENANT, key, "Cello lessons")
        await rig.store._indexer.drain()
        assert (await found(rig, "cello lessons"))[0] == "Cello lessons"

    @pytest.mark.behaviour("when.ignores-previews", "discord")
    async def test_the_same_words_again_change_nothing(self, rig, key):
        await rig.answer("Hello", key="5")
        assert not await rig.dispatcher.edit(TENANT, key, "Hello")
        assert "message_edited" not in [one["type"] for one in await envelopes(rig)]

    async def test_what_is_not_remembered_or_another_tenants_is_left_alone(self, rig, key):
        await rig.answer("Hello", key="5")
        assert not await rig.dispatcher.edit("console:other", key, "Bye")
        assert not await rig.dispatcher.edit(TENANT, "console:nothing/9", "Bye")
        assert await rig.dispatcher.delete("console:other", [key, "console:nothing/9"]) == 0
        assert "Hello" in await found(rig, "hello")

    async def test_one_of_a_message_that_still_waits_comes_after_it(self, rig, key):
        gate = Gate(say("Done."))
        rig.script(gate, say("Friday, then."))
        await rig.dispatcher.submit(event("first"))
        await gate.reached.wait()
        waiting = await rig.dispatcher.submit(event("On Tuesday", key="5"))
        await rig.dispatcher.edit(TENANT, key, "On Friday")
        gate.release.set()
        await rig.dispatcher.wait_turn(waiting.turn_id)
        types = [(one["type"], one["message"]) for one in await envelopes(rig) if "message" in one]
        assert types[-2:] == [("user_message", "On Friday"), ("message_edited", "On Friday")]


class TestWhatCameOfOldWords:
    async def learn(self, rig, said):
        rig.script(
            calls(
                ("core_memory_append", {"label": "human", "content": f"likes {SECRET}"}),
                ("archival_memory_insert", {"content": "She plays an instrument."}),
                ("schedule_message", {"when": "2026-12-01 09:00", "reason": "ask about it"}),
                ("send_message", {"message": "How nice."}),
            )
        )
        await rig.say(said, key="5")

    async def noted(self, rig):
        page = await rig.store.search_archival(dm_scope(), ArchivalSearch(query="instrument"))
        return [hit.text for hit in page.hits], (await rig.block("human")).value

    @pytest.mark.behaviour("change.edit", "discord", "slack")
    async def test_is_unlearned_and_what_was_planned_stays(self, rig, key):
        await self.learn(rig, f"I love my {SECRET}, my dear {SECRET}")
        await rig.dispatcher.edit(TENANT, key, "I love my cello")
        assert await self.noted(rig) == ([], "")
        assert len(await rig.store.schedules(dm_scope())) == 1
        assert "I love my cello" in [item.text for item in (await rig.window()).queue]

    async def test_is_nowhere_when_nobody_repeated_it(self, rig, key):
        await rig.answer(f"My {SECRET} is old", key="5")
        await rig.answer("and yours?", quote=Quote(author_name="Ada", text=f"My {SECRET} is old"))
        await rig.dispatcher.edit(TENANT, key, f"My {SECRET} is new")
        await rig.dispatcher.edit(TENANT, key, "My cello is new")
        assert await holds(rig, SECRET) == []

    async def test_stays_when_only_marks_and_capitals_change(self, rig, key):
        await self.learn(rig, f"i love my {SECRET}")
        await rig.dispatcher.edit(TENANT, key, f"I love my {SECRET}!")
        assert await self.noted(rig) == (["She plays an instrument."], f"likes {SECRET}")


class TestASummaryThatIsGone:
    async def flushed(self, rig):
        queue = (await rig.window()).queue
        summary = Summary(
            text=f"Ada has a {SECRET}.", through_seq=queue[-1].seq, tokens=9, created_at=rig.clock()
        )
        await rig.store.save_flush(dm_scope(), summary, (), rig.clock())

    async def test_leaves_what_it_covered_to_be_summed_up_again(self, rig, key):
        await rig.answer("The meeting is on Tuesday")
        await rig.answer(f"My {SECRET}", key="5")
        await self.flushed(rig)
        await rig.dispatcher.delete(TENANT, [key])
        window = await rig.window()
        assert window.summary is None
        assert [item.text for item in window.queue if item.author and item.text] == [
            "The meeting is on Tuesday"
        ]

    async def test_leaves_no_more_than_can_be_summed_up(self, rig, key, monkeypatch):
        monkeypatch.setattr(unlearning, "_REOPENED", 2)
        for number in range(4):
            await rig.answer(f"message {number}")
        await rig.answer(f"My {SECRET}", key="5")
        await self.flushed(rig)
        await rig.dispatcher.delete(TENANT, [key])
        texts = [item.text for item in (await rig.window()).queue if item.author]
        assert texts == ["message 2", "message 3"]

    async def test_does_not_bring_back_what_was_before_the_conversation(self, rig, key):
        await rig.answer("The meeting is on Tuesday")
        await rig.store.start_conversation(dm_scope(), rig.clock())
        await rig.answer("Hello again")
        await rig.answer(f"My {SECRET}", key="5")
        await self.flushed(rig)
        await rig.dispatcher.delete(TENANT, [key])
        texts = [item.text for item in (await rig.window()).queue if item.author and item.text]
        assert texts == ["Hello again"]


class TestDeletions:
    async def tell(self, rig, **changes):
        """A secret that goes everywhere it can."""
        rig.script(
            calls(
                ("core_memory_append", {"label": "human", "content": f"likes {SECRET}"}),
                ("archival_memory_insert", {"content": f"She plays the {SECRET} well."}),
                ("schedule_message", {"when": "2026-12-01 09:00", "reason": f"buy a {SECRET}"}),
                ("send_message", {"message": f"A {SECRET}, how nice."}),
            )
        )
        await rig.say(f"I love my {SECRET} so much", key="5", **changes)

    @pytest.mark.behaviour("change.delete", "discord", "slack")
    async def test_nothing_of_the_message_is_left_anywhere(self, rig, key):
        await rig.answer("I'm Ada and I live in Bonn")
        await self.tell(rig)
        assert await holds(rig, SECRET)
        assert await rig.dispatcher.delete(TENANT, [key]) == 1
        assert await found(rig, SECRET) == []
        assert (await rig.block("human")).value == ""
        assert await rig.store.schedules(dm_scope()) == []
        page = await rig.store.search_archival(dm_scope(), ArchivalSearch(query=SECRET))
        assert page.hits == ()
        assert await rig.store.outbox_due("console", rig.clock(), 9) != []
        assert await holds(rig, SECRET) == []
        assert "I'm Ada and I live in Bonn" in await found(rig, "Bonn")

    async def test_a_note_that_was_updated_since_goes_too(self, rig, key):
        rig.script(call("archival_memory_insert", content=f"Ada has a {SECRET}."))
        rig.script(call("send_message", message="Noted."))
        await rig.say(f"Note that I have a {SECRET}", key="5")
        page = await rig.store.search_archival(dm_scope(), ArchivalSearch(query=SECRET))
        for words in ("It is old.", "It is old and loud."):
            text = f"Ada has a {SECRET}. {words}"
            rig.script(call("archival_memory_update", passage_id=page.hits[0].id, content=text))
            rig.script(call("send_message", message="Noted."))
            await rig.say(words)
            page = await rig.store.search_archival(dm_scope(), ArchivalSearch(query=SECRET))
            assert [hit.text for hit in page.hits] == [text]
        await rig.dispatcher.delete(TENANT, [key])
        page = await rig.store.search_archival(dm_scope(), ArchivalSearch(query=SECRET))
        assert page.hits == ()

    async def test_the_queue_is_told_that_it_is_gone_and_stays_valid(self, rig, key):
        await self.tell(rig)
        await rig.dispatcher.delete(TENANT, [key])
        assert len(rig.model.requests) == 1
        await rig.answer("Hello again")
        told = [one for one in await envelopes(rig) if one["type"] == "message_deleted"]
        assert [(one["name"], "message" in one) for one in told] == [("Ada", False)]
        assert SECRET not in "".join(rig.model.requests[-1].messages)
        assert SECRET not in rig.model.requests[-1].system

    async def test_a_summary_that_covers_it_goes(self, rig, key):
        await rig.answer(f"My {SECRET}", key="5")
        scope, queue = dm_scope(), (await rig.window()).queue
        summary = Summary(
            text=f"Ada has a {SECRET}.",
            through_seq=queue[-1].seq,
            tokens=9,
            created_at=rig.clock(),
        )
        await rig.store.save_flush(scope, summary, (), rig.clock())
        await rig.dispatcher.delete(TENANT, [key])
        window = await rig.window()
        assert (window.summary, window.queue) == (None, ())
        assert await holds(rig, SECRET) == []

    async def test_a_platform_that_repeats_it_does_not_bring_it_back(self, rig, key):
        await rig.answer("My secret", key="5")
        await rig.dispatcher.delete(TENANT, [key])
        assert (await rig.dispatcher.submit(event("My secret", key="5"))).outcome == "duplicate"

    async def test_its_turn_ends_without_a_word(self, rig, key):
        gate = Gate(call("send_message", message="Too late."))
        rig.script(gate)
        accepted = await rig.dispatcher.submit(event(f"My {SECRET}", key="5"))
        await gate.reached.wait()
        await rig.dispatcher.delete(TENANT, [key])
        gate.release.set()
        assert (await rig.dispatcher.wait_turn(accepted.turn_id)).state == "cancelled"
        assert await rig.store.outbox_due("console", rig.clock(), 9) == []
        assert (await rig.answer("Hello", "Hi.")).replies == ("Hi.",)

    async def test_another_persons_turn_goes_on_without_it(self, rig, key):
        ada, bob = room_scope("ada"), room_scope("bob")
        key = event(key="5", scope=ada).source_key
        await rig.answer(f"My {SECRET}", scope=ada, key="5")
        gate = Gate(call("send_message", message=f"Ada said {SECRET}."))
        rig.script(gate, call("send_message", message="I do not know."))
        await rig.dispatcher.submit(event("What did she say?", scope=bob, name="Bob"))
        await gate.reached.wait()
        await rig.dispatcher.delete(TENANT, [key])
        gate.release.set()
        while await rig.store.agents_with_turns():
            pass
        texts = [item.text for item in await rig.store.outbox_due("console", rig.clock(), 9)]
        assert texts == ["I do not know."]
        assert SECRET not in "".join(rig.model.requests[-1].messages)

    async def test_a_quote_that_holds_it_among_other_words_goes_too(self, rig, key):
        await rig.answer(f"I love my {SECRET} so much", key="5")
        said = f"I love my {SECRET} so much\n\n(your answer:) Hi."
        await rig.answer("and yours?", quote=Quote(author_name="Ada", text=said))
        await rig.dispatcher.delete(TENANT, [key])
        assert await holds(rig, SECRET) == []

    async def test_its_edits_go_with_it(self, rig, key):
        await rig.answer("Hello", key="5")
        await rig.dispatcher.edit(TENANT, key, f"Hello {SECRET}")
        await rig.dispatcher.delete(TENANT, [key])
        assert await holds(rig, SECRET) == []

    async def test_what_was_read_from_its_file_goes_too(self, rig, key):
        await rig.answer("Here is a file", key="5")
        rig.script(say("I have read it."))
        upload = replace(event(f"notes.txt: {SECRET}", key="6"), kind="file_upload")
        upload = replace(upload, source_key=f"{key}/file-0")
        accepted = await rig.dispatcher.submit(upload)
        await rig.dispatcher.wait_turn(accepted.turn_id)
        await rig.dispatcher.delete(TENANT, [key])
        assert await holds(rig, SECRET) == []

    async def test_what_came_with_it_goes_too(self, rig, key):
        quote = Quote(author_name="Bob", text=f"a {SECRET}")
        file = Attachment(name=f"{SECRET}.txt", media_type="text/plain", size_bytes=1, url="u")
        await rig.answer("Look", key="5", quote=quote, attachments=(file,))
        assert await rig.store.agents_with_uploads() == [dm_scope().agent_id]
        await rig.dispatcher.delete(TENANT, [key])
        assert await holds(rig, SECRET) == []
        assert await rig.store.agents_with_uploads() == []

    async def test_many_are_deleted_at_once(self, rig):
        for number in range(3):
            await rig.answer(f"message {number} {SECRET}", key=str(number))
        keys = [event(key=str(number)).source_key for number in range(3)]
        assert await rig.dispatcher.delete(TENANT, keys) == 3
        assert await holds(rig, SECRET) == []

    async def test_a_thread_goes_with_all_that_was_said_in_it(self, rig):
        for number in (1, 2):
            await rig.answer(f"{SECRET} number {number}", key=f"9/{number}")
        await rig.answer("elsewhere", key="90/1")
        assert await rig.dispatcher.delete("console:elsewhere", [event(key="9/").source_key]) == 0
        assert await rig.dispatcher.delete(TENANT, [event(key="9/").source_key]) == 2
        assert await holds(rig, SECRET) == []
        assert await found(rig, "elsewhere") != []


class TestWhileItIsWorkedOn:
    """What changes before the model has answered is what it answers."""

    async def test_an_edit_asks_the_model_again(self, rig, key):
        gate = Gate(call("send_message", message="At five."))
        rig.script(gate, call("send_message", message="At six."))
        accepted = await rig.dispatcher.submit(event("when, five?", key="5"))
        await gate.reached.wait()
        assert await rig.dispatcher.edit(TENANT, key, "when, six?")
        assert (await rig.dispatcher.wait_turn(accepted.turn_id)).replies == ("At six.",)
        assert "when, six?" in rig.model.requests[1].messages[-1]

    async def test_a_deletion_ends_the_request(self, rig, key):
        gate = Gate(call("send_message", message="Too late."))
        rig.script(gate)
        accepted = await rig.dispatcher.submit(event(f"My {SECRET}", key="5"))
        await gate.reached.wait()
        await rig.dispatcher.delete(TENANT, [key])
        assert (await rig.dispatcher.wait_turn(accepted.turn_id)).state == "cancelled"

    async def test_a_deleted_message_that_waits_gets_no_answer(self, rig, key):
        hi = call("send_message", message="Hi.")
        gate = Gate(hi)
        rig.script(gate, hi)  # the turn that runs begins again: it may have read the message
        first = await rig.dispatcher.submit(event("Hello"))
        await gate.reached.wait()
        rig.clock.advance(10)
        await rig.dispatcher.submit(event(f"My {SECRET}", key="5"))
        await rig.dispatcher.delete(TENANT, [key])
        gate.release.set()
        await rig.dispatcher.wait_turn(first.turn_id)
        while await rig.store.agents_with_turns():
            pass
        due = await rig.store.outbox_due("console", rig.clock(), 9)
        assert [item.text for item in due] == ["Hi."]
        assert SECRET not in "".join(rig.model.requests[-1].messages)
