"""The memory part of the Store port, on every store there is."""

import random
from datetime import timedelta

import pytest

from engine.errors import StaleTurn
from engine.records import ArchivalSearch, RecallSearch, TokenUsage
from engine.testing import HashEmbedder
from tests.storage.builders import (
    NOON,
    begin,
    block,
    direct,
    later,
    passage,
    request,
    room,
    step,
    summary,
    talk,
    write,
)


async def seqs(store, scope=None):
    return [entry.seq for entry in (await store.load_window(scope or direct())).queue]


class TestWindow:
    """A window holds what a prompt is made of, in an order that stays the same."""

    async def test_an_unknown_conversation_has_an_empty_window(self, store):
        window = await store.load_window(direct())
        assert (window.blocks, window.queue, window.summary, window.warned) == ((), (), None, False)

    async def test_blocks_come_in_a_stable_order(self, store):
        turn = await begin(store, scope=room())
        persona = await block(store, room(), "persona")
        made = [
            write(type(persona)(label=label), "x") for label in ("zoo", "art", "human:slack:T1/U0")
        ]
        await store.commit_step(step(turn, blocks=tuple(made)))
        labels = [one.label for one in (await store.load_window(room())).blocks]
        assert labels == ["persona", "room", "art", "zoo", "human:slack:T1/U1"]

    @pytest.mark.behaviour("who.speakers", "discord", "slack", "terminal")
    async def test_it_shows_who_spoke_or_was_mentioned_and_has_a_block(self, store):
        for user in ("U1", "U2", "U3"):
            turn = await begin(store, scope=room(user))
            about = await block(store, room(user), f"human:slack:T1/{user}")
            await store.commit_step(step(turn, blocks=(write(about, f"About {user}"),)))
        await talk(store, scope=room("U4"), mentions=("slack:T1/U9",))
        other = room("U4", thread="thread/7")
        await talk(store, scope=other, mentions=("slack:T1/U2",))
        values = [one.value for one in (await store.load_window(room("U4"))).blocks]
        assert values[-4:] == ["About U1", "About U2", "About U3", ""]
        values = [one.value for one in (await store.load_window(other)).blocks]
        assert values[-2:] == ["About U2", ""]

    @pytest.mark.behaviour("who.speakers", "discord", "slack", "terminal")
    async def test_only_the_last_eight_speakers_are_shown(self, store):
        for number in range(10):
            scope = room(f"U{number}")
            turn = await begin(store, scope=scope)
            about = await block(store, scope, f"human:slack:T1/U{number}")
            await store.commit_step(step(turn, blocks=(write(about, "known"),)))
        labels = [one.label for one in (await store.load_window(room("U9"))).blocks]
        assert len(labels) == 2 + 8
        assert "human:slack:T1/U1" not in labels

    async def test_counts_stay_until_the_prefix_is_rebuilt(self, store):
        await talk(store)
        turn = await begin(store, "more")
        assert (await store.load_window(direct())).counts.messages == 0
        human = await block(store, direct(), "human")
        await store.commit_step(step(turn, blocks=(write(human, "x"),)))
        assert (await store.load_window(direct())).counts.messages == 3
        assert (await store.counts(direct())).messages == 3

    async def test_conversations_of_one_agent_share_memory_but_no_queue(self, store):
        await talk(store, "In the channel", scope=room())
        await talk(store, "In the thread", scope=room(thread="thread/7"))
        thread = await store.load_window(room(thread="thread/7"))
        assert [entry.text for entry in thread.queue] == ["In the thread", "Hi."]
        found = await store.search_recall(room(thread="thread/7"), RecallSearch(query="channel"))
        assert found.hits[0].text == "In the channel"


class TestFlush:
    """A flush lets messages leave the queue and nothing else."""

    async def test_the_queue_starts_after_the_summary(self, store):
        for number in range(3):
            await talk(store, f"m{number}")
        numbers = await seqs(store)
        await store.save_flush(direct(), summary(through_seq=numbers[3]), [], later())
        window = await store.load_window(direct())
        assert [entry.seq for entry in window.queue] == numbers[4:]
        assert (window.summary.text, window.counts.messages) == ("They met.", 6)
        assert (await store.counts(direct())).messages == 6

    async def test_it_arms_the_next_warning(self, store):
        turn = await begin(store)
        await store.commit_step(step(turn, warned=True))
        await store.save_flush(direct(), summary(), [], later())
        assert not (await store.load_window(direct())).warned

    async def test_its_cost_is_noted(self, store):
        await talk(store)
        cost = [TokenUsage(model="m", purpose="summary", input_tokens=7)]
        await store.save_flush(direct(), summary(), cost, NOON)
        assert ("summary", 7) in {
            (row.purpose, row.input_tokens) for row in await store.usage(1, later())
        }

    async def test_a_prepared_summary_waits_beside_the_queue(self, store):
        await talk(store)
        await store.save_prepared_summary(direct(), summary("Ahead", prepared=True), [])
        await store.save_prepared_summary(direct(), summary("Ahead 2", prepared=True), [])
        window = await store.load_window(direct())
        assert (window.summary, window.prepared.text, len(window.queue)) == (None, "Ahead 2", 2)

    async def test_a_flush_drops_the_prepared_summary_it_covers(self, store):
        for number in range(2):
            await talk(store, f"m{number}")
        await store.save_prepared_summary(direct(), summary(through_seq=2, prepared=True), [])
        await store.save_flush(direct(), summary(through_seq=2), [], later())
        assert (await store.load_window(direct())).prepared is None

    async def test_a_mechanical_summary_can_be_replaced(self, store):
        await talk(store)
        await store.save_flush(direct(), summary("…", mechanical=True), [], NOON)
        await store.save_flush(direct(), summary("Better"), [], NOON)
        window = await store.load_window(direct())
        assert (window.summary.text, window.summary.mechanical) == ("Better", False)

    async def test_an_earlier_flush_does_not_bring_messages_back(self, store):
        await talk(store)
        await store.save_flush(direct(), summary(through_seq=2), [], NOON)
        with pytest.raises(StaleTurn):
            await store.save_flush(direct(), summary(through_seq=1), [], NOON)

    async def test_a_summary_of_an_emptied_conversation_is_refused(self, store):
        await talk(store)
        await store.start_conversation(direct(), NOON)
        with pytest.raises(StaleTurn):
            await store.save_flush(direct(), summary(through_seq=2), [], later())
        await store.save_prepared_summary(direct(), summary(through_seq=2, prepared=True), [])
        assert (await store.load_window(direct())).prepared is None

    async def test_a_summary_of_an_agent_that_is_gone_is_refused(self, store):
        with pytest.raises(StaleTurn):
            await store.save_flush(direct(), summary(), [], NOON)

    @pytest.mark.parametrize("seed", range(5))
    async def test_queue_and_summary_always_cover_everything_once(self, store, seed):
        chance, left = random.Random(seed), 0
        for number in range(40):
            await talk(store, f"m{number}")
            numbers = await seqs(store)
            if chance.random() < 0.3:
                left += chance.randrange(1, len(numbers) + 1)
                through = (await all_seqs(store))[left - 1]
                await store.save_flush(direct(), summary(through_seq=through), [], NOON)
        assert await seqs(store) == (await all_seqs(store))[left:]


async def all_seqs(store):
    """Every number of the only agent there is: two messages a turn, in order."""
    return list(range(1, (await store.counts(direct())).messages + 1))


class TestFreshStart:
    """A new conversation forgets the window and keeps the memory."""

    async def test_the_queue_is_empty_and_memory_is_kept(self, store):
        turn = await begin(store, "The zebra")
        human = await block(store, direct(), "human")
        await store.commit_step(step(turn, blocks=(write(human, "x"),), passages=(passage(),)))
        await store.save_flush(direct(), summary(), [], later())
        await store.start_conversation(direct(), NOON)
        window = await store.load_window(direct())
        assert (window.queue, window.summary) == ((), None)
        assert (window.counts.messages, window.counts.passages) == (1, 1)
        assert (await block(store, direct(), "human")).value == "x"
        found = await store.search_recall(direct(), RecallSearch(query="zebra"))
        assert found.total == 1


class TestSearch:
    """Searches find words, page on, and keep to dates and tags."""

    async def test_a_hit_says_who_where_and_when(self, store):
        await talk(store, "The zebra is called Otto")
        (hit,) = (await store.search_recall(direct(), RecallSearch(query="zebra Otto"))).hits[:1]
        assert (hit.who, hit.where, hit.time) == ("Ada", "#general", NOON)
        assert hit.source_key.startswith("slack:")

    async def test_pages_follow_each_other(self, store):
        for number in range(7):
            await talk(store, f"zebra number {number}", answer="ok")
        pages = [
            await store.search_recall(direct(), RecallSearch(query="zebra", page=page, page_size=3))
            for page in range(3)
        ]
        found = [hit.id for page in pages for hit in page.hits]
        assert len(found) == len(set(found))
        assert {page.total for page in pages} == {pages[0].total}
        texts = [hit.text for page in pages for hit in page.hits]
        assert all(f"zebra number {number}" in texts[:8] for number in range(7))

    async def test_what_is_being_asked_is_not_its_own_answer(self, store):
        await talk(store, "The zebra is called Otto")
        await begin(store, "What is the zebra called?")
        found = await store.search_recall(direct(), RecallSearch(query="zebra called"))
        assert "What is the zebra called?" not in [hit.text for hit in found.hits]

    async def test_listing_by_date_is_oldest_first_and_inclusive(self, store):
        for day in range(4):
            await talk(store, f"day {day}", sent_at=NOON - timedelta(days=day), answer="")
        search = RecallSearch(query="", start=NOON - timedelta(days=2), end=NOON, page_size=2)
        page = await store.list_recall(direct(), search)
        assert ([hit.text for hit in page.hits], page.total) == (["day 2", "day 1"], 3)

    async def test_listing_can_keep_to_one_speaker(self, store):
        await talk(store, "mine", scope=room("U1"), name="Ada")
        await talk(store, "hers", scope=room("U2"), name="Bea")
        page = await store.list_recall(room(), RecallSearch(query="", speaker="bea"))
        assert [hit.text for hit in page.hits] == ["hers"]

    async def test_passages_are_found_by_words_and_tags(self, store):
        turn = await begin(store)
        made = (passage("Door code 4711", tags=("home",)), passage("Door is green"))
        await store.commit_step(step(turn, passages=made))
        found = await store.search_archival(direct(), ArchivalSearch(query="door"))
        assert found.total == 2
        tagged = await store.search_archival(direct(), ArchivalSearch(query="door", tags=("home",)))
        assert [hit.id for hit in tagged.hits] == [made[0].id]

    async def test_the_same_words_are_a_duplicate(self, store):
        turn = await begin(store)
        await store.commit_step(step(turn, passages=(passage("The door code is 4711."),)))
        same = await store.find_duplicate_passage(direct(), "the door code is 4711")
        assert same.text == "The door code is 4711."
        assert await store.find_duplicate_passage(direct(), "The door code is 4712.") is None
        assert await store.find_duplicate_passage(direct("U2"), "The door code is 4711.") is None

    async def test_an_unknown_agent_finds_nothing(self, store):
        assert (await store.search_recall(direct(), RecallSearch(query="x"))).hits == ()
        assert (await store.search_archival(direct(), ArchivalSearch(query="x"))).hits == ()


class TestVectors:
    """Vectors are made in the background and never waited for."""

    async def test_rows_get_vectors_and_a_new_model_embeds_them_again(self, opener):
        embedder = HashEmbedder()
        store = await opener(embedder=embedder)
        await talk(store, "The zebra", passages=(passage("Giraffes"),))
        steps = [one async for one in store.reindex()]
        assert steps[0] == (0, 3)
        assert "The zebra" in embedder.embedded
        found = await store.search_recall(direct(), RecallSearch(query="zebra"))
        assert found.hits[0].text == "The zebra"
        assert (await store.find_duplicate_passage(direct(), "giraffes")).text == "Giraffes"
        await store.close()
        other = HashEmbedder(64)
        store = await opener(embedder=other)
        assert [one async for one in store.reindex()] == [(0, 3), (2, 3), (3, 3)]
        assert "The zebra" in other.embedded
        await store.close()

    async def test_without_a_ready_model_words_serve(self, opener):
        store = await opener(embedder=HashEmbedder(ready=False))
        await talk(store, "The zebra")
        found = await store.search_recall(direct(), RecallSearch(query="zebra"))
        assert found.hits[0].text == "The zebra"
        await store.close()

    async def test_new_messages_are_embedded_without_being_asked(self, opener):
        embedder = HashEmbedder()
        store = await opener(embedder=embedder)
        await store.accept(request("The zebra"))
        while "The zebra" not in embedder.embedded:
            await store.counts(direct())
        await store.close()
