"""What an import stores: recall memory alone, each message once, found and erased as any other."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.imports import Added, PastMessage, Portion
from engine.records import Block, RecallSearch
from tests.storage.builders import NOON, direct, message, passage, room, talk
from tests.storage.conftest import open_sqlite

AGENT = "slack:T1/channel/C1"
LONG_AGO = NOON - timedelta(days=3000)


def said(number, text="the zebra eats hay", **changes):
    values = {
        "source_key": f"slack:T1/C1/{number}",
        "author": "slack:T1/U7",
        "author_name": "Grace",
        "text": f"{text} {number}",
        "sent_at": LONG_AGO + timedelta(minutes=number),
    }
    return PastMessage(**(values | changes))


def portion(*messages, **changes):
    return Portion(agent_id=AGENT, place_name="#general", messages=messages, **changes)


async def add(store, what, *, dry_run=False, scope=None):
    return await store.add_past(scope or room(), what, dry_run=dry_run, at=NOON)


async def texts(store, query="zebra", scope=None, size=50):
    found = await store.search_recall(scope or room(), RecallSearch(query=query, page_size=size))
    return [hit.text for hit in found.hits]


class TestWhatIsStored:
    async def test_is_found_with_author_place_and_time(self, store):
        await add(store, portion(said(1)))
        found = await store.search_recall(room(), RecallSearch(query="zebra"))
        (hit,) = found.hits
        assert (hit.who, hit.where, hit.time) == ("Grace", "#general", said(1).sent_at)

    async def test_of_a_thread_shows_its_name_and_the_agent_that_of_its_place(self, store):
        await add(store, portion(said(1, place_name="plans")))
        (hit,) = (await store.search_recall(room(), RecallSearch(query="zebra"))).hits
        assert (hit.where, (await store.agents())[0].place) == ("plans", "#general")

    async def test_never_enters_a_queue(self, store):
        await talk(store, "live", scope=room())
        before = (await store.load_window(room())).queue
        await add(store, portion(said(1), said(2)))
        imported = replace(room(), conversation_id=f"{AGENT}/imported")
        assert (await store.load_window(imported)).queue == ()
        assert (await store.load_window(room())).queue == before

    async def test_starts_no_turn(self, store):
        await add(store, portion(said(1)))
        assert await store.agents_with_turns() == []

    async def test_is_counted_and_shown_in_the_next_prefix(self, store):
        await talk(store, "live", scope=room())
        await add(store, portion(said(1), said(2)))
        assert (await store.counts(room())).messages == 4
        assert (await store.load_window(room())).counts.messages == 4

    async def test_is_of_one_agent_alone(self, store):
        await talk(store, "live", scope=direct())
        await add(store, portion(said(1)))
        assert await texts(store, scope=direct()) == []

    async def test_a_tools_answer_is_kept_and_not_found(self, store):
        added = await add(store, portion(said(1, role="tool", author=None, searchable=False)))
        assert added.messages == 1
        assert await texts(store) == []


class TestBesideARunningBot:
    async def test_what_another_process_imports_is_found_at_once(self, store, opener):
        await talk(store, "zebra live", scope=room())
        assert len(await texts(store)) == 2
        shell = await opener()
        await add(shell, portion(said(1)))
        await shell.close()
        await talk(store, "zebra again", scope=room())
        assert {"zebra live", "zebra again", "the zebra eats hay 1"} <= set(await texts(store))


class TestOnce:
    async def test_a_repeat_adds_nothing(self, store):
        what = portion(said(1), said(2), passages=(passage(source_key="letta:1"),))
        assert await add(store, what) == Added(messages=2, passages=1)
        assert await add(store, what) == Added()

    async def test_a_portion_with_twins_stores_one(self, store):
        assert (await add(store, portion(said(1), said(1)))).messages == 1

    async def test_a_live_message_is_not_doubled(self, store):
        await talk(store, "zebra live", scope=room(), key="1")
        live = f"slack:{AGENT}/1"
        assert (await add(store, portion(said(1, source_key=live)))).messages == 0

    async def test_another_agents_message_of_that_key_does_not_count(self, store):
        other = replace(portion(said(1)), agent_id="slack:T1/channel/C9")
        await add(store, other, scope=room(channel="C9"))
        assert (await add(store, portion(said(1)))).messages == 1

    async def test_a_dry_run_says_what_would_be_new(self, store):
        await add(store, portion(said(1)))
        assert (await add(store, portion(said(1), said(2)), dry_run=True)).messages == 1
        assert (await store.counts(room())).messages == 1

    async def test_a_block_the_agent_has_stays(self, store):
        what = portion(blocks=(Block(label="persona", value="I am Sam."), Block(label="room")))
        assert (await add(store, what)).blocks == 2
        again = portion(blocks=(Block(label="persona", value="I am Max."),))
        assert (await add(store, again)).blocks == 0
        (persona,) = [one for one in await store.blocks(AGENT) if one.label == "persona"]
        assert persona.value == "I am Sam."


class TestOrder:
    """Search lends words to neighbours of a sitting, so sittings must be what was said together."""

    async def test_what_is_older_than_all_there_is_keeps_its_own_sittings(self, store):
        far = timedelta(days=400)
        await add(store, portion(said(1, "giraffe", sent_at=LONG_AGO + far)))
        await add(store, portion(said(2, "zebra"), said(3, "stripes")))
        assert await texts(store, "giraffe") == ["giraffe 1"]
        assert await texts(store, "zebra") == ["zebra 2", "stripes 3"]

    async def test_a_channel_that_never_sleeps_is_not_one_sitting(self, store):
        await add(store, portion(*(said(number, "chatter") for number in range(500))))
        await add(store, portion(said(501, "zebra")))
        found = await store.search_recall(room(), RecallSearch(query="zebra"))
        assert found.hits[0].text == "zebra 501"
        assert found.total <= 200

    async def test_threads_are_read_apart(self, store):
        thread = "slack:T1/C1/1"
        await add(
            store,
            portion(said(1, "zebra"), said(2, "lunch"), said(3, "stripes", thread=thread)),
        )
        assert "stripes 3" not in await texts(store, "zebra")

    async def test_what_comes_later_live_is_near_to_what_was_live(self, store):
        await talk(store, "giraffe", "noted", scope=room())
        await add(store, portion(said(1)))
        await talk(store, "long neck", "yes", scope=room())
        assert "long neck" in await texts(store, "giraffe")


class TestAfterwards:
    async def test_an_archive_keeps_it_out_of_the_queue_elsewhere(self, store, tmp_path):
        await talk(store, "live", scope=room())
        await add(store, portion(said(1), said(2)))
        await store.export(AGENT, tmp_path / "out.zip", NOON)
        other = await open_sqlite(tmp_path / "other")
        await other.import_archive(tmp_path / "out.zip", agent_id=None, dry_run=False, at=NOON)
        imported = replace(room(), conversation_id=f"{AGENT}/imported")
        assert (await other.load_window(imported)).queue == ()
        assert [item.text for item in (await other.load_window(room())).queue] == ["live", "Hi."]
        assert sorted(await texts(other)) == ["the zebra eats hay 1", "the zebra eats hay 2"]
        assert await add(other, portion(said(1))) == Added()
        await other.close()

    async def test_an_edit_on_the_platform_reaches_it(self, store):
        await add(store, portion(said(1)))
        known = await store.find_message("slack:T1", said(1).source_key)
        notice = message(scope=known.scope, turn_id=known.turn_id, searchable=False, text="")
        assert await store.edit_message(known, replace(known, text="a giraffe"), notice)
        assert await texts(store, "giraffe") == ["a giraffe"]

    async def test_a_deletion_on_the_platform_reaches_it(self, store):
        await add(store, portion(said(1), said(2, "a giraffe")))
        known = await store.find_message("slack:T1", said(1).source_key)
        await store.delete_messages([(known, message(scope=known.scope))], NOON)
        assert await texts(store) == []
        assert await texts(store, "giraffe") == ["a giraffe 2"]

    @pytest.mark.parametrize("erase", ["forget", "reset"])
    async def test_nothing_of_it_is_left_in_the_file(self, store, tmp_path, erase):
        thread = "slack:T1/C1/1"
        await add(store, portion(said(1, "quokka"), said(2, "quokka", thread=thread)))
        if erase == "forget":
            receipt = await store.forget("slack:T1/U7", actor="operator", at=NOON)
        else:
            receipt = await store.reset(AGENT, conversation_only=False, actor="operator", at=NOON)
        assert receipt.removed["messages"] == 2
        await store.close()
        for file in tmp_path.glob("membot.db*"):
            assert b"quokka" not in file.read_bytes()
