"""Blocks that an operator gives to agents: seeded, followed, taken away."""

from dataclasses import replace

from engine.records import Block
from tests.storage.builders import begin, block, direct, request, step, write

TEAM = Block(label="team", value="We ship on Fridays.", description="The team")
RULES = Block(label="rules", value="No swearing.", read_only=True)


async def give(store, *blocks, text="Hello"):
    """An event at which the agent is given these beside its own blocks."""
    made = request(text)
    await store.accept(replace(made, blocks=(*made.blocks, *blocks)))


async def labels(store):
    return [item.label for item in await store.blocks(direct().agent_id)]


class TestAnEditableBlock:
    async def test_is_seeded_into_an_agent_that_is_there_already(self, store):
        await give(store)
        await give(store, TEAM)
        assert (await block(store, direct(), "team")).value == "We ship on Fridays."

    async def test_keeps_what_the_agent_made_of_it(self, store):
        turn = await begin(store)
        await give(store, TEAM)
        seeded = await block(store, direct(), "team")
        await store.commit_step(step(turn, blocks=(write(seeded, "We ship daily."),)))
        await give(store, replace(TEAM, value="We ship never."))
        assert (await block(store, direct(), "team")).value == "We ship daily."

    async def test_stays_when_it_is_given_no_more(self, store):
        await give(store, TEAM)
        await give(store)
        assert "team" in await labels(store)


class TestAReadOnlyBlock:
    async def test_follows_its_text_as_a_version_by_the_operator(self, store):
        await give(store, RULES)
        await give(store, replace(RULES, value="No shouting."))
        now = await block(store, direct(), "rules")
        assert (now.value, now.version, now.read_only) == ("No shouting.", 2, True)
        history = await store.block_history(direct().agent_id, "rules")
        assert [(past.value, past.author) for past in history] == [
            ("No swearing.", "operator"),
            ("No shouting.", "operator"),
        ]

    async def test_gets_no_version_while_nothing_changes(self, store):
        for _ in range(3):
            await give(store, RULES)
        assert (await block(store, direct(), "rules")).version == 1

    async def test_goes_when_it_is_given_no_more_and_may_come_again(self, store):
        await give(store, RULES)
        await give(store, replace(RULES, value="No shouting."))
        await give(store)
        assert "rules" not in await labels(store)
        assert await store.block_history(direct().agent_id, "rules") == []
        await give(store, RULES)
        assert (await block(store, direct(), "rules")).version == 1

    async def test_stays_at_an_event_that_gives_no_blocks(self, store):
        await give(store, RULES)
        await store.accept(replace(request("A timer"), blocks=()))
        assert "rules" in await labels(store)

    async def test_keeps_its_text_when_it_becomes_editable(self, store):
        await give(store, RULES)
        await give(store, replace(RULES, read_only=False, value="Something else."))
        now = await block(store, direct(), "rules")
        assert (now.value, now.read_only) == ("No swearing.", False)
        await give(store)
        assert "rules" in await labels(store)

    async def test_that_did_not_come_from_the_operator_stays(self, store):
        turn = await begin(store)
        own = replace(RULES, label="imported", version=0)
        await store.commit_step(step(turn, blocks=(write(own, "From an archive."),)))
        await give(store)
        assert "imported" in await labels(store)

    async def test_shows_the_counts_of_now_as_the_prefix_changes_anyhow(self, store):
        await give(store, RULES)
        before = (await store.load_window(direct())).counts
        await give(store, replace(RULES, value="No shouting."))
        assert before.messages < (await store.load_window(direct())).counts.messages
