"""What admins set for a channel in chat, and what holds from then on."""

import pytest

from bots.command_table import COMMANDS
from engine.agent import starting_blocks
from engine.config import EngineConfig, OperatorBlock
from tests.bots.memory_rig import event, open_memory
from tests.bots.place_rig import PERSONAS, PlaceDesk, discord, slack

ROOM = slack(room="C1")


@pytest.fixture
async def memory(tmp_path):
    async with open_memory(tmp_path) as opened:
        yield opened


@pytest.fixture
def desk(memory):
    return PlaceDesk(memory.store, memory.clock)


def blocks(desk, memory, origin=ROOM, config=None):
    """What an agent born there begins with, by label."""
    scope = desk.places.scope_of(origin)
    made = starting_blocks(
        event(scope, "hi", memory.clock),
        config or EngineConfig(),
        desk.places.texts(scope.agent_id),
    )
    return {block.label: block for block in made}


class TestRights:
    @pytest.mark.parametrize("command", ["mode", "map", "persona", "block"])
    def test_they_are_for_admins(self, command):
        assert next(spec for spec in COMMANDS if spec.words == f"agent {command}").admin

    async def test_nobody_else_changes_anything(self, desk):
        await desk.run("agent mode", ROOM, admin=False, mode="off")
        assert desk.places.rules_for(ROOM).mode == "mention"

    @pytest.mark.parametrize("command", ["mode", "map", "persona", "block"])
    async def test_direct_messages_have_no_such_settings(self, desk, command):
        answer = await desk.run(f"agent {command}", discord(), label="x", text="y")
        assert "for channels" in answer.text


class TestMode:
    async def test_it_is_set_for_the_channel_and_its_threads_and_said(self, desk):
        answer = await desk.run("agent mode", ROOM, mode="off")
        assert "I answer nobody here" in answer.text
        assert desk.places.rules_for(slack(room="C1", thread="1.5")).mode == "off"
        assert desk.places.rules_for(slack(room="C2")).mode == "mention"

    async def test_without_a_value_it_is_only_said(self, desk):
        assert "Mode `mention`" in (await desk.run("agent mode", ROOM)).text

    async def test_an_unknown_value_is_refused_with_the_known_ones(self, desk):
        answer = await desk.run("agent mode", ROOM, mode="shout")
        assert answer.text == "`mode` takes mention, thread, listen, off."

    async def test_other_bots_are_let_in(self, desk):
        answer = await desk.run("agent mode", ROOM, bots="mentions")
        assert "may speak to me" in answer.text
        assert desk.places.rules_for(ROOM).bots == "mentions"

    async def test_it_is_kept_and_noted(self, desk, memory):
        await desk.run("agent mode", ROOM, mode="off")
        again = PlaceDesk(memory.store, memory.clock)
        await again.places.load(memory.store)
        assert again.places.rules_for(ROOM).mode == "off"
        assert (await memory.store.audit(1))[0].action == "place.mode"


class TestMap:
    @pytest.mark.behaviour("who.no-silent-merge", "discord", "slack")
    @pytest.mark.behaviour("who.override", "discord", "slack")
    async def test_another_preset_is_another_memory_and_the_old_one_is_kept(self, desk, memory):
        await memory.reply(desk.places.scope_of(ROOM), "Hi.", said="green tea")
        answer = await desk.run("agent map", ROOM, mapping="per-user-in-channel")
        assert "`slack:T1/channel/C1/user/U2`" in answer.text
        assert "What `slack:T1/channel/C1` remembers is kept" in answer.text
        assert "nothing found" in (await desk.run("memory search", ROOM, query="tea")).text
        status = (await desk.run("status", ROOM)).text
        assert "Remembered by `slack:T1/channel/C1/user/U2` (mapping per-user-in-chan" in status
        assert "Kept apart, under another mapping: `slack:T1/channel/C1`" in status
        assert "workspace" not in status
        await desk.run("agent map", ROOM, mapping="team")
        assert "green" in (await desk.run("memory search", ROOM, query="tea")).text

    async def test_personal_is_no_business_of_a_channel(self, desk):
        assert "MEMBOT_MAPPING" in (await desk.run("agent map", ROOM, mapping="personal")).text


class TestPersona:
    async def test_it_holds_at_once_and_for_agents_born_there(self, desk, memory):
        scope = desk.places.scope_of(ROOM)
        await memory.reply(scope, "Hi.")
        await desk.run("agent persona", ROOM, text="pirate")
        window = await memory.store.load_window(scope)
        assert window.blocks[0].value == PERSONAS["pirate"]
        assert blocks(desk, memory)["persona"].value == PERSONAS["pirate"]
        assert blocks(desk, memory, slack(room="C2"))["persona"].value != PERSONAS["pirate"]

    async def test_it_may_be_a_text_of_their_own(self, desk, memory):
        await desk.run("agent persona", ROOM, text="Short and dry.")
        assert blocks(desk, memory)["persona"].value == "Short and dry."

    async def test_too_long_a_text_is_refused(self, desk, memory):
        answer = await desk.run("agent persona", ROOM, text="x" * 2001)
        assert "a block holds 2000" in answer.text

    async def test_everybody_in_the_channel_gets_it_whatever_the_preset(self, desk, memory):
        await desk.run("agent map", ROOM, mapping="per-user-in-channel")
        await desk.run("agent persona", ROOM, text="pirate")
        other = slack("U3", room="C1")
        assert blocks(desk, memory, other)["persona"].value == PERSONAS["pirate"]


class TestBlock:
    async def test_it_is_read_only_in_sight_and_goes_when_it_is_taken_back(self, desk, memory):
        await desk.run("agent block", ROOM, label="rules", text="No spoilers.")
        rules = blocks(desk, memory)["rules"]
        assert (rules.value, rules.read_only) == ("No spoilers.", True)
        await desk.run("agent block", ROOM, label="rules")
        assert "rules" not in blocks(desk, memory)

    async def test_it_goes_over_the_operators_of_that_name(self, desk, memory):
        kind = OperatorBlock(
            label="rules",
            text="Be kind.",
            description="",
            limit_chars=200,
            read_only=True,
            places=("*",),
        )
        config = EngineConfig(blocks=(kind,))
        await desk.run("agent block", ROOM, label="rules", text="No spoilers.")
        assert blocks(desk, memory, config=config)["rules"].value == "No spoilers."
        assert blocks(desk, memory, slack(room="C2"), config)["rules"].value == "Be kind."

    @pytest.mark.parametrize("label", ["persona", "human", "human:slack:T1/U3", "a b", ""])
    async def test_names_of_its_own_blocks_are_refused(self, desk, label):
        answer = await desk.run("agent block", ROOM, label=label, text="x")
        assert "A block's name" in answer.text
