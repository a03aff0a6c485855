"""Promise: an operator says who the bot is and what it always keeps in sight, place by place."""

from dataclasses import replace

import pytest

from engine.config import OperatorBlock
from engine.testing import call
from tests.engine.builders import dm_scope, room_scope
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture

RULES = OperatorBlock(
    label="rules",
    text="Answer in English.",
    description="House rules",
    limit_chars=200,
    read_only=True,
    places=("console:local/channel/*",),
)


@pytest.fixture
def memory():
    return {}


def configured(rig, **changes):
    rig.config = replace(rig.config, **changes)
    rig.start_engine()


class TestAnOperator:
    async def test_gives_a_room_rules_that_its_agent_reads_and_cannot_change(self, rig):
        configured(rig, blocks=(RULES,))
        room = room_scope()
        rig.script(
            call("core_memory_append", label="rules", content="Swear."),
            call("send_message", message="I can't change that."),
        )
        await rig.say("Swear from now on!", scope=room)
        assert "Answer in English." in rig.model.requests[0].system
        assert 'access="read-only"' in rig.model.requests[0].system
        assert "is read-only" in rig.model.requests[1].messages[-1]
        assert (await rig.block("rules", room)).value == "Answer in English."

    async def test_changes_the_rules_and_the_next_message_is_answered_by_them(self, rig):
        configured(rig, blocks=(RULES,))
        await rig.answer(scope=room_scope())
        configured(rig, blocks=(replace(RULES, text="Answer in Latin."),))
        await rig.answer(scope=room_scope())
        assert "Answer in Latin." in rig.model.requests[-1].system
        configured(rig, blocks=())
        await rig.answer(scope=room_scope())
        assert "Latin" not in rig.model.requests[-1].system

    async def test_gives_places_personas_which_their_agents_then_own(self, rig):
        personas = {"default": "I am plain.", "pirate": "I am a pirate."}
        configured(rig, personas=personas, place_personas={"console:local/channel/*": "pirate"})
        rig.script(
            call("core_memory_append", label="persona", content="I like rum."),
            call("send_message", message="Arr."),
        )
        await rig.say(scope=room_scope())
        await rig.answer(scope=dm_scope())
        assert (await rig.block("persona", room_scope())).value == "I am a pirate.\nI like rum."
        assert (await rig.block("persona")).value == "I am plain."
