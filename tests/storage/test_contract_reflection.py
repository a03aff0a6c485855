"""The memory agent's part of the Store port, and passages that were superseded."""

import json
import zipfile
from dataclasses import replace

import pytest

from engine.errors import StaleTurn
from engine.records import ArchivalSearch, Block, ReflectionCommit, Revision
from tests.storage.builders import (
    NOON,
    begin,
    block,
    direct,
    later,
    passage,
    room,
    step,
    summary,
    talk,
    write,
)

ADA, BEA = "slack:T1/U1", "slack:T1/U2"


async def flushed(store, scope=None, talks=3):
    """A conversation whose first messages have left the queue."""
    scope = scope or direct()
    for number in range(talks):
        await talk(store, f"secret plan {number}", scope=scope)
    numbers = [item.seq for item in (await store.load_window(scope)).queue]
    await store.save_flush(scope, summary(through_seq=numbers[3]), [], later())
    return scope


def run_of(seen, **changes):
    values = {
        "scope": seen.scope,
        "through_seq": seen.through_seq,
        "read_at": seen.read_at,
        "at": later(5),
    }
    return ReflectionCommit(**(values | changes))


async def load(store, scope, tokens=10_000, whole_queue=False):
    return await store.load_reflection(scope, tokens=tokens, whole_queue=whole_queue)


async def found(store, query, scope=None):
    page = await store.search_archival(scope or direct(), ArchivalSearch(query=query))
    return [hit.text for hit in page.hits]


class TestReading:
    """The memory agent reads each message once, oldest first."""

    async def test_nothing_is_due_before_a_flush(self, store):
        await talk(store)
        assert await store.unreflected(None) == []
        assert await load(store, direct()) is None

    async def test_what_left_the_queue_is_due_until_a_run_has_covered_it(self, store):
        scope = await flushed(store)
        assert [one.conversation_id for one in await store.unreflected(None)] == [
            scope.conversation_id
        ]
        seen = await load(store, scope)
        said = [item.text for item in seen.messages]
        assert said == ["secret plan 0", "Hi.", "secret plan 1", "Hi."]
        await store.commit_reflection(run_of(seen))
        assert await store.unreflected(None) == []
        assert await load(store, scope) is None

    async def test_much_is_read_in_portions(self, store):
        scope = await flushed(store)
        first = await load(store, scope, tokens=20)
        assert (len(first.messages), first.more) == (2, True)
        await store.commit_reflection(run_of(first))
        second = await load(store, scope, tokens=20)
        assert (second.messages[0].text, second.more) == ("secret plan 1", False)

    async def test_a_message_larger_than_a_portion_comes_alone(self, store):
        scope = await flushed(store)
        seen = await load(store, scope, tokens=1)
        assert len(seen.messages) == 1

    async def test_a_quiet_conversation_is_due_with_its_queue(self, store):
        await talk(store)
        assert await store.unreflected(later(-1)) == []
        assert len(await store.unreflected(later(1))) == 1
        seen = await load(store, direct(), whole_queue=True)
        assert [item.text for item in seen.messages] == ["Hello", "Hi."]

    async def test_in_a_room_it_has_the_blocks_of_those_who_spoke_in_it(self, store):
        scope = await flushed(store, room())
        await talk(store, "I am Bea", scope=room("U2"))
        seen = await load(store, scope)
        owners = {one.owner for one in seen.blocks}
        assert owners == {None, ADA}


class TestCommitting:
    """A run is stored whole or not at all."""

    async def test_edits_and_passages_are_stored_together(self, store):
        scope = await flushed(store)
        seen = await load(store, scope)
        human = await block(store, scope, "human")
        changes = {
            "blocks": (write(human, "Has a plan.", author="memory-agent"),),
            "passages": (passage("They made a plan.", author="memory-agent"),),
        }
        assert await store.commit_reflection(run_of(seen, **changes)) == ()
        assert (await block(store, scope, "human")).value == "Has a plan."
        assert await found(store, "plan") == ["They made a plan."]

    async def test_a_block_that_changed_is_named_and_nothing_is_stored(self, store):
        scope = await flushed(store)
        seen = await load(store, scope)
        human = await block(store, scope, "human")
        await store.write_blocks(scope, [write(human, "edited")], NOON)
        changes = {
            "blocks": (write(human, "Has a plan."), write(Block(label="new"), "x")),
            "passages": (passage("They made a plan."),),
        }
        assert await store.commit_reflection(run_of(seen, **changes)) == ("human",)
        assert await found(store, "plan") == []
        assert await load(store, scope) is not None

    async def test_a_run_on_what_was_erased_meanwhile_is_refused(self, store):
        scope = await flushed(store, room())
        seen = await load(store, scope)
        await store.forget(ADA, actor="operator", at=later(9))
        with pytest.raises(StaleTurn):
            await store.commit_reflection(run_of(seen, passages=(passage("plan"),)))

    async def test_a_run_of_a_conversation_that_is_gone_is_refused(self, store):
        scope = await flushed(store)
        seen = await load(store, scope)
        await store.reset(scope.agent_id, conversation_only=False, actor="operator", at=later())
        with pytest.raises(StaleTurn):
            await store.commit_reflection(run_of(seen))

    async def test_another_tenant_cannot_commit_it(self, store):
        scope = await flushed(store)
        seen = await load(store, scope)
        stranger = replace(seen, scope=replace(scope, tenant="slack:T2"))
        assert await load(store, stranger.scope) is None
        with pytest.raises(StaleTurn):
            await store.commit_reflection(run_of(stranger))


class TestForgetting:
    """What was made of a person's messages goes with them, in whatever words it is."""

    async def test_passages_and_block_lines_made_of_their_messages(self, store):
        scope = await flushed(store, room())
        turn = await begin(store, "Bea here", scope=room("U2"))
        await store.commit_step(step(turn))
        seen = await load(store, scope)
        sources = tuple(item.source_key for item in seen.messages if item.source_key)
        about = await block(store, scope, "room")
        changes = {
            "blocks": (write(about, "They scheme.", author="memory-agent", sources=sources),),
            "passages": (passage("They scheme.", author="memory-agent", sources=sources),),
        }
        await store.commit_reflection(run_of(seen, **changes))
        await store.forget(ADA, actor="operator", at=later(9))
        assert await found(store, "scheme", room("U2")) == []
        assert (await block(store, room("U2"), "room")).value == ""

    async def test_what_was_made_of_others_stays(self, store):
        scope = await flushed(store, room())
        seen = await load(store, scope)
        sources = tuple(item.source_key for item in seen.messages if item.source_key)
        made = passage("They scheme.", author="memory-agent", sources=sources)
        await store.commit_reflection(run_of(seen, passages=(made,)))
        await store.forget(BEA, actor="operator", at=later(9))
        assert await found(store, "scheme", room("U2")) == ["They scheme."]


class TestSupersededPassages:
    """A passage that was replaced or let go is kept and no longer searched."""

    async def changed(self, store, revision, *new):
        turn = await begin(store, "It moved")
        await store.commit_step(step(turn, passages=tuple(new), revisions=(revision,)))

    async def test_a_successor_takes_its_place(self, store):
        old, new = passage("The party is on Monday."), passage("The party is on Friday.")
        await talk(store, passages=(old,))
        await self.changed(store, Revision(passage_id=old.id, successor=new.id), new)
        assert await found(store, "party") == ["The party is on Friday."]
        assert await store.passage(direct(), old.id) is None
        assert (await store.counts(direct())).passages == 1

    async def test_who_asks_for_the_past_is_shown_it_marked(self, store):
        first, second = passage("The party is on Monday."), passage("The party is on Friday.")
        other = passage("The trip is on Sunday.")
        await talk(store, passages=(first, other))
        await self.changed(store, Revision(passage_id=other.id))
        await self.changed(store, Revision(passage_id=first.id, successor=second.id), second)
        search = ArchivalSearch(query="party trip", past=True)
        hits = (await store.search_archival(direct(), search)).hits
        marked = {hit.text for hit in hits if hit.superseded_at}
        assert marked == {"The party is on Monday.", "The trip is on Sunday."}
        assert len(hits) == 3

    async def test_the_past_goes_with_its_agent(self, store):
        old = passage("The party is on Monday.")
        await talk(store, passages=(old,))
        await self.changed(store, Revision(passage_id=old.id))
        scope = direct()
        await store.reset(scope.agent_id, conversation_only=False, actor="operator", at=later())
        await talk(store)
        page = await store.search_archival(scope, ArchivalSearch(query="party", past=True))
        assert page.hits == ()

    async def test_a_deleted_one_is_gone_from_search(self, store):
        old = passage("The party is on Monday.")
        await talk(store, passages=(old,))
        await self.changed(store, Revision(passage_id=old.id))
        assert await found(store, "party") == []

    async def test_another_agents_passage_cannot_be_ended(self, store):
        theirs = passage("The party is on Monday.")
        await talk(store, scope=direct("U2"), passages=(theirs,))
        await self.changed(store, Revision(passage_id=theirs.id))
        assert await found(store, "party", direct("U2")) == ["The party is on Monday."]

    async def test_they_travel_in_an_archive_with_all_their_sources(self, store, tmp_path):
        old, new = passage("Monday", sources=("a", "b")), passage("Friday", sources=("c",))
        await talk(store, passages=(old,))
        await self.changed(store, Revision(passage_id=old.id, successor=new.id), new)
        human = await block(store, direct(), "human")
        await store.write_blocks(direct(), [write(human, "x", sources=("d", "e"))], NOON)
        file, again = tmp_path / "one.zip", tmp_path / "two.zip"
        await store.export(direct().agent_id, file, NOON)
        target = direct("U7").agent_id
        await store.import_archive(file, agent_id=target, dry_run=False, at=NOON)
        await store.export(target, again, NOON)
        assert rows(again, "passages", "sources") == [["a", "b"], ["a", "b", "c"]]
        search = ArchivalSearch(query="Monday", past=True)
        assert len((await store.search_archival(direct("U7"), search)).hits) == 1
        assert rows(again, "blocks", "history")[0][-1]["sources"] == ["d", "e"]


def rows(file, table, name):
    with zipfile.ZipFile(file) as archive:
        lines = archive.read(f"{table}.jsonl").decode().splitlines()
    return [json.loads(line)[name] for line in lines]
