"""The operator part of the Store port, on every store there is."""

from datetime import timedelta

import pytest

from engine.errors import StaleBlock, StaleTurn, StoreUnavailable, UnknownAgent
from engine.oversight import AuditRow
from engine.records import RecallSearch
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


class TestAgents:
    """Agents are listed and found by key."""

    async def test_an_overview_counts_what_there_is(self, store):
        await talk(store, passages=(passage(),))
        await talk(store, scope=room())
        personal = next(one for one in await store.agents() if one.kind == "personal")
        assert (personal.messages, personal.passages, personal.blocks) == (2, 1, 2)
        assert (personal.platform, personal.last_activity) == ("slack", NOON)
        assert {one.kind for one in await store.agents()} == {"personal", "room"}

    async def test_a_tenant_sees_its_own(self, store):
        await talk(store)
        await talk(store, scope=room(team="T2"))
        assert [one.agent_id for one in await store.agents("slack:T2")] == ["slack:T2/channel/C1"]

    async def test_a_key_is_found_and_discord_users_through_any_guild(self, store):
        await talk(store, scope=direct("222", "*", "discord"))
        await talk(store, scope=room())
        assert await store.resolve_agent("discord:111/user/222") == "discord:*/user/222"
        assert await store.resolve_agent("slack:T1/channel/C1") == "slack:T1/channel/C1"
        assert await store.resolve_agent("slack:T1/user/222") is None


class TestBlocks:
    """Every write of a block is kept."""

    async def test_history_holds_every_version_with_its_origin(self, store):
        turn = await begin(store)
        human = await block(store, direct(), "human")
        await store.commit_step(step(turn, blocks=(write(human, "tea", source_key="slack:1"),)))
        human = await block(store, direct(), "human")
        by_hand = write(human, "coffee", author="operator", operation="edit")
        await store.write_blocks(direct(), [by_hand], later())
        history = await store.block_history(direct().agent_id, "human")
        assert [(past.version, past.value, past.author) for past in history] == [
            (1, "", None),
            (2, "tea", "slack:T1/U1"),
            (3, "coffee", "operator"),
        ]
        assert history[1].source_key == "slack:1"
        assert len(await store.block_history(direct().agent_id, None)) == 4

    async def test_a_write_from_an_old_version_is_refused(self, store):
        await talk(store)
        human = await block(store, direct(), "human")
        await store.write_blocks(direct(), [write(human, "one")], NOON)
        with pytest.raises(StaleBlock):
            await store.write_blocks(direct(), [write(human, "two")], NOON)

    async def test_all_writes_of_one_call_or_none(self, store):
        await talk(store)
        human, persona = [await block(store, direct(), it) for it in ("human", "persona")]
        await store.write_blocks(direct(), [write(persona, "one")], NOON)
        with pytest.raises(StaleBlock):
            await store.write_blocks(direct(), [write(human, "lost"), write(persona, "two")], NOON)
        assert (await block(store, direct(), "human")).value == ""

    async def test_a_block_can_be_written_before_the_first_message(self, store):
        persona = type(await first_block(store))(label="persona")
        await store.write_blocks(room(), [write(persona, "Terse.")], NOON)
        await store.accept(request(scope=room()))
        assert (await block(store, room(), "persona")).value == "Terse."


async def first_block(store):
    await talk(store)
    return (await store.blocks(direct().agent_id))[0]


class TestLedgers:
    """Tokens and acts are counted and noted."""

    async def test_usage_is_summed_by_day_within_the_days_asked_for(self, store):
        for day in (0, 0, 1, 9):
            turn = await begin(store)
            await store.commit_step(step(turn, at=NOON - timedelta(days=day)))
        found = [(row.day, row.calls) for row in await store.usage(3, NOON)]
        assert found == [("2026-11-21", 2), ("2026-11-20", 1)]

    async def test_the_latest_act_comes_first(self, store):
        for action in ("export", "reset"):
            row = AuditRow(at=NOON, actor="operator", action=action, subject="x")
            await store.record_audit(row)
        assert [row.action for row in await store.audit(1)] == ["reset"]


class TestReset:
    """A reset wipes a memory, or only what is in the windows."""

    async def test_of_the_conversation_keeps_memory(self, store):
        await talk(store, "The zebra", passages=(passage(),))
        await store.save_flush(direct(), summary(), [], NOON)
        receipt = await store.reset(direct().agent_id, conversation_only=True, actor="op", at=NOON)
        assert receipt.removed == {"summaries": 1, "context windows": 1}
        window = await store.load_window(direct())
        assert (window.queue, window.summary) == ((), None)
        assert (await store.counts(direct())).messages == 2

    async def test_of_everything_leaves_a_key_that_can_be_used_afresh(self, store):
        await talk(store, "The zebra", passages=(passage(),))
        receipt = await store.reset(direct().agent_id, conversation_only=False, actor="op", at=NOON)
        assert (receipt.removed["messages"], receipt.removed["passages"]) == (2, 1)
        assert await store.agents() == []
        assert (await store.accept(request("Hello", key="new"))).first_contact
        found = await store.search_recall(direct(), RecallSearch(query="zebra"))
        assert found.total == 0
        assert (await store.counts(direct())).messages == 1

    async def test_a_running_turn_stores_nothing_afterwards(self, store):
        turn = await begin(store)
        await store.reset(direct().agent_id, conversation_only=False, actor="op", at=NOON)
        with pytest.raises(StaleTurn):
            await store.commit_step(step(turn, says=["late"]))

    async def test_it_is_noted_without_text(self, store):
        await talk(store, "The zebra")
        await store.reset(direct().agent_id, conversation_only=False, actor="op", at=NOON)
        (row,) = await store.audit(5)
        assert (row.actor, row.action, row.subject, row.detail) == (
            "op",
            "reset",
            direct().agent_id,
            "",
        )

    async def test_an_unknown_agent_is_said(self, store):
        with pytest.raises(UnknownAgent):
            await store.reset("slack:T1/user/U7", conversation_only=False, actor="op", at=NOON)


class TestCheck:
    """A sound database has no problems; the rest is said in words."""

    async def test_a_used_database_is_sound(self, store):
        await talk(store, passages=(passage(),))
        await store.reset(direct().agent_id, conversation_only=False, actor="op", at=NOON)
        await talk(store, "again")
        assert await store.check() == []

    async def test_a_turn_that_was_set_aside_is_named(self, store):
        await store.accept(request())
        for _ in range(6):
            turn = await store.next_turn(direct().agent_id)
        await store.commit_step(step(turn, state="failed", error_id="ab12"))
        (problem,) = await store.check()
        assert "set aside after 6 attempts" in problem
        assert "ab12" in problem


class TestReindex:
    """Vectors can be made anew only where there is a model."""

    async def test_without_a_model_it_says_what_to_set(self, store):
        with pytest.raises(StoreUnavailable, match="MEMBOT_EMBEDDING_MODEL"):
            await anext(store.reindex())


class TestPruning:
    """What has served its purpose goes; what is under way or remembered stays."""

    async def test_old_deliveries_and_events_go(self, store):
        await talk(store, "zebra")
        assert await store.prune(later(1)) == 2
        assert await store.prune(later(1)) == 0
        found = await store.search_recall(direct(), RecallSearch(query="zebra"))
        assert found.hits[0].text == "zebra"

    async def test_what_waits_and_what_is_new_stays(self, store):
        turn = await begin(store, "one")
        await store.commit_step(step(turn, says=["Noted."], replies=["Noted."]))
        assert await store.prune(NOON) == 0
        await store.accept(request("two"))
        assert await store.prune(later(1)) == 1
        assert [it.text for it in await store.outbox_due("slack", NOON, 9)] == ["Noted."]
        assert (await store.next_turn(direct().agent_id)) is not None
