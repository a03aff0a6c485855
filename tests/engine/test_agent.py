"""What an agent is born with."""

from engine.agent import starting_blocks
from engine.config import EngineConfig, OperatorBlock
from engine.prompts import load_prompt
from tests.engine.builders import dm_scope, event, room_scope

PERSONAS = {"default": "I am plain.", "pirate": "Arr.", "clerk": "I file."}


def persona(config, scope=None):
    blocks = starting_blocks(event(scope=scope or dm_scope()), config)
    return next(block.value for block in blocks if block.label == "persona")


class TestItsPersona:
    def test_is_our_own_where_nobody_says(self):
        assert persona(EngineConfig()) == load_prompt("persona")

    def test_is_the_default_where_no_place_says(self):
        assert persona(EngineConfig(personas=PERSONAS)) == "I am plain."

    def test_is_that_of_the_most_specific_place(self):
        places = {"*": "clerk", "console:local/channel/*": "pirate"}
        config = EngineConfig(personas=PERSONAS, place_personas=places)
        assert persona(config, room_scope()) == "Arr."
        assert persona(config, dm_scope()) == "I file."


class TestTheOperatorsBlocks:
    def test_are_given_where_their_places_say(self):
        rules = OperatorBlock(
            label="rules",
            text="No swearing.",
            description="House rules",
            limit_chars=500,
            read_only=True,
            places=("console:local/channel/*",),
        )
        config = EngineConfig(blocks=(rules,))
        (*_, given) = starting_blocks(event(scope=room_scope()), config)
        assert (given.label, given.value, given.limit_chars) == ("rules", "No swearing.", 500)
        assert given.read_only
        labels = [block.label for block in starting_blocks(event(), config)]
        assert labels == ["persona", "human"]
