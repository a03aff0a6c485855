"""What a turn used and wrote, and taking single writes back, on every store there is."""

import pytest

from engine.receipts import NOT_TRUE, TakeBack
from engine.records import ArchivalSearch, Block, Revision, Schedule
from tests.storage.builders import (
    NOON,
    begin,
    block,
    direct,
    later,
    message,
    passage,
    room,
    step,
    talk,
    write,
)

ADA = "slack:T1/U1"


async def tell(store, value="Likes tea.", text="I like tea", **changes):
    """A turn that writes a block."""
    scope = changes.pop("scope", None) or direct()
    turn = await begin(store, text, scope=scope)
    known = await block(store, scope, changes.pop("label", "human"))
    await store.commit_step(step(turn, blocks=(write(known, value, source_key=turn.source_key),)))
    return turn


async def note(store, *passages, revisions=()):
    turn = await begin(store)
    await store.commit_step(step(turn, passages=passages, revisions=revisions))
    return turn


async def receipt(store, turn, scope=None):
    return await store.receipt(scope or direct(), turn.id)


async def only_write(store, turn, scope=None):
    (found,) = (await receipt(store, turn, scope)).written
    return found


async def take_back(store, one, scope=None, **changes):
    taking = {"write": one, "actor": ADA, "operation": "undo", "at": later()} | changes
    return await store.take_back(scope or direct(), TakeBack(**taking))


async def searched(store, query="code", **options):
    page = await store.search_archival(direct(), ArchivalSearch(query=query, **options))
    return [hit.text for hit in page.hits]


async def value(store, label="human", scope=None):
    return (await block(store, scope or direct(), label)).value


async def heard(store, turn):
    return await store.find_message("slack:T1", turn.source_key)


def reminder(turn):
    return Schedule(
        id="01J",
        scope=turn.scope,
        timezone="UTC",
        reason="buy tea",
        author_name="Ada",
        source_key=turn.source_key,
        place=turn.place,
        place_name="",
        address="{}",
        next_at=later(60),
        created_at=NOON,
    )


class TestAReceipt:
    async def test_it_shows_what_the_turn_used_and_wrote(self, store):
        first = await talk(store, "My cat is Tom")
        kept = passage("The door code is 4711.")
        await note(store, kept)
        turn = await begin(store, "What is my cat called?")
        known = await block(store, direct(), "human")
        made = passage("Ada asks about cats.")
        commit = step(
            turn,
            blocks=(write(known, "Has a cat.", source_key=turn.source_key),),
            passages=(made,),
            schedules=(reminder(turn),),
            used_messages=((await heard(store, first)).id,),
            used_passages=(kept.id,),
        )
        await store.commit_step(commit)
        found = await receipt(store, turn)
        assert [hit.text for hit in found.said] == ["My cat is Tom"]
        assert [hit.text for hit in found.noted] == ["The door code is 4711."]
        assert [(one.kind, one.added) for one in found.written] == [
            ("block", "Has a cat."),
            ("passage", "Ada asks about cats."),
            ("schedule", "buy tea"),
        ]
        assert all(one.stands and one.turn.id == turn.id for one in found.written)
        assert [one.label for one in found.blocks] == ["persona", "human"]

    async def test_without_an_id_it_is_of_the_speakers_last_turn(self, store):
        await tell(store, scope=room("U1"), label="room")
        turn = await talk(store, scope=room("U2"))
        await talk(store, scope=room("U1", thread="thread/9"))
        assert (await store.receipt(room("U2"), None)).turn.id == turn.id
        assert await store.receipt(room("U3"), None) is None

    async def test_nobody_reads_one_of_another_agent_or_tenant(self, store):
        turn = await tell(store)
        written = (await only_write(store, turn)).id
        for other in (room(), direct("U2"), direct("U1", "T2")):
            assert await store.receipt(other, turn.id) is None
            assert await store.written(other, written) is None
            assert not await take_back(store, await only_write(store, turn), other)
        assert await value(store) == "Likes tea."

    async def test_a_turn_that_only_talked_has_nothing_to_show(self, store):
        turn = await talk(store)
        found = await receipt(store, turn)
        assert (found.said, found.noted, found.written) == ((), (), ())

    async def test_replies_say_whether_there_is_something_to_show(self, store):
        await store.commit_step(step(await begin(store), replies=["Hi."]))
        turn = await begin(store)
        await store.commit_step(step(turn, replies=["Noted."], state="running"))
        await store.commit_step(step(turn, 2, passages=(passage(),)))
        items = await store.outbox_due("slack", NOON, 9)
        await store.mark_sending(items[0].id, NOON)
        await store.mark_sent(items[0].id, "ref", NOON)
        items += await store.outbox_due("slack", NOON, 9)
        assert [(item.text, item.has_receipt) for item in items] == [
            ("Hi.", False),
            ("Noted.", True),
        ]

    async def test_what_was_forgotten_is_not_shown_any_more(self, store):
        first = await talk(store, "My cat is Tom", scope=room("U1"))
        turn = await begin(store, scope=room("U2"))
        kept = passage(author=ADA)
        commit = step(
            turn,
            passages=(kept,),
            used_messages=((await heard(store, first)).id,),
            used_passages=(kept.id,),
        )
        await store.commit_step(commit)
        await store.forget(ADA, actor=ADA, at=later())
        found = await receipt(store, turn, room("U2"))
        assert (found.said, found.noted, found.written) == ((), (), ())

    async def test_what_was_erased_while_the_model_thought_is_left_out(self, store):
        turn = await begin(store)
        await store.commit_step(step(turn, used_messages=("gone",), used_passages=("gone",)))
        found = await receipt(store, turn)
        assert (found.said, found.noted) == ((), ())

    async def test_it_goes_with_the_turn_and_with_the_agent(self, store):
        turn = await tell(store)
        await store.delete_messages([(await heard(store, turn), message(turn_id="x"))], later())
        assert await receipt(store, turn) is None
        turn = await tell(store, "Likes cats.")
        await store.reset(direct().agent_id, conversation_only=False, actor=ADA, at=later())
        assert await receipt(store, turn) is None


class TestTakingBack:
    async def test_a_block_stands_as_before_in_a_new_version(self, store):
        await tell(store)
        turn = await tell(store, "Likes tea.\nHas a cat.")
        await tell(store, "Likes tea.\nHas a cat.\nLives in Bonn.")
        one = await only_write(store, turn)
        assert (one.added, one.removed) == ("Has a cat.", "")
        assert await take_back(store, one)
        assert await value(store) == "Likes tea.\nLives in Bonn."
        last = (await store.block_history(direct().agent_id, "human"))[-1]
        assert (last.operation, last.author) == ("undo", ADA)

    async def test_it_says_so_when_something_builds_on_it(self, store):
        turn = await tell(store)
        await tell(store, "Likes tea with milk.")
        one = await only_write(store, turn)
        assert not one.stands
        assert not await take_back(store, one)
        assert await value(store) == "Likes tea with milk."

    async def test_a_second_time_changes_nothing(self, store):
        turn = await tell(store)
        one = await only_write(store, turn)
        assert await take_back(store, one)
        before = await store.block_history(direct().agent_id, "human")
        assert not await take_back(store, one)
        assert await store.block_history(direct().agent_id, "human") == before
        assert not (await only_write(store, turn)).stands

    async def test_it_does_not_fit_where_the_block_has_no_room(self, store):
        known = Block(label="small", limit_chars=12, value="0123456789")
        await store.commit_step(step(await begin(store), blocks=(write(known, known.value),)))
        turn = await begin(store)
        known = await block(store, direct(), "small")
        await store.commit_step(step(turn, blocks=(write(known, "abc"),)))
        later_turn = await begin(store)
        known = await block(store, direct(), "small")
        await store.commit_step(step(later_turn, blocks=(write(known, "abc\ndefghij"),)))
        assert not await take_back(store, await only_write(store, turn))

    async def test_a_passage_is_superseded(self, store):
        turn = await note(store, passage())
        assert await take_back(store, await only_write(store, turn))
        assert await searched(store) == []
        assert (await store.counts(direct())).passages == 0
        assert not (await only_write(store, turn)).stands

    async def test_the_passage_whose_place_it_took_stands_again(self, store):
        old, new = passage("The code is 1."), passage("The code is 2.")
        await note(store, old)
        revision = Revision(passage_id=old.id, successor=new.id)
        turn = await note(store, new, revisions=(revision,))
        one = await only_write(store, turn)
        assert (one.before, one.after) == ("The code is 1.", "The code is 2.")
        assert await take_back(store, one)
        assert await searched(store) == ["The code is 1."]
        assert (await store.counts(direct())).passages == 1
        assert sorted(await searched(store, past=True)) == ["The code is 1.", "The code is 2."]

    async def test_one_that_was_updated_since_stays(self, store):
        old, new = passage("The code is 1."), passage("The code is 2.")
        turn = await note(store, old)
        await note(store, new, revisions=(Revision(passage_id=old.id, successor=new.id),))
        assert not await take_back(store, await only_write(store, turn))
        assert await searched(store) == ["The code is 2."]

    async def test_a_deleted_passage_stands_again(self, store):
        old = passage()
        await note(store, old)
        turn = await note(store, revisions=(Revision(passage_id=old.id),))
        one = await only_write(store, turn)
        assert (one.kind, one.removed) == ("deletion", old.text)
        assert await take_back(store, one)
        assert await searched(store) == [old.text]
        assert not await take_back(store, one)

    async def test_a_schedule_is_cancelled(self, store):
        turn = await begin(store)
        await store.commit_step(step(turn, schedules=(reminder(turn),)))
        one = await only_write(store, turn)
        assert await take_back(store, one)
        assert await store.schedules(direct()) == []
        assert not await take_back(store, one)

    async def test_an_unknown_write_is_none(self, store):
        turn = await tell(store)
        for strange in ("", "b", "b999", "x1", "p1; DROP TABLE passages", "s"):
            assert await store.written(turn.scope, strange) is None


class TestWhatIsNotTrue:
    @pytest.fixture
    async def said(self, store):
        """A note that is not true, taken back with a note on that."""
        turn = await begin(store, "I used to live in Berlin")
        made = passage("Ada lives in Berlin.", source_key=turn.source_key)
        await store.commit_step(step(turn, passages=(made,)))
        instead = passage(
            "Not true: Ada lives in Berlin.",
            title=NOT_TRUE,
            source_key=turn.source_key,
            sources=(turn.source_key,),
        )
        told = message("", scope=turn.scope, turn_id=turn.id, role="user", searchable=False)
        one = await only_write(store, turn)
        changes = {"operation": "not-true", "note": instead, "told": told}
        assert await take_back(store, one, **changes)
        return turn

    async def test_the_note_stands_in_its_place(self, store, said):
        assert await searched(store, "Berlin") == ["Not true: Ada lives in Berlin."]
        assert [one.added for one in (await receipt(store, said)).written] == [
            "Ada lives in Berlin."
        ]

    async def test_the_memory_agent_does_not_read_that_message_again(self, store, said):
        other = await talk(store, "I live in Bonn")
        seen = await store.load_reflection(direct(), tokens=1000, whole_queue=True)
        assert [one.source_key for one in seen.messages if one.author] == [other.source_key]

    async def test_the_note_goes_with_the_message(self, store, said):
        await store.delete_messages([(await heard(store, said), message(turn_id="x"))], later())
        assert await searched(store, "Berlin", past=True) == []
