"""What is offered while a command is put together: only what its giver may see or change."""

from dataclasses import replace

import pytest

from bots.adapter import CommandRequest
from bots.command_families import build_commands
from bots.command_table import COMMANDS
from bots.conversation_commands import StatusInfo
from engine.testing import call
from tests.engine.builders import dm_scope, room_scope
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture

ADA, BOB = room_scope("ada"), room_scope("bob")
INFO = StatusInfo(model="m", is_demonstration=False, context_tokens=1000, version="1")


@pytest.fixture
def memory():
    return {}


@pytest.fixture
async def room(rig):
    """Ada and Bob have each said something about themselves."""
    for scope, fact in ((ADA, "Ada likes tea"), (BOB, "Bob likes chess")):
        label = f"human:{scope.speaker}"
        rig.script(
            call("core_memory_append", name=label, content=fact, request_heartbeat=True),
            call("send_message", message="Noted."),
        )
        await rig.say(fact, scope=scope)
    return build_commands(
        store=rig.store, inbox=rig.dispatcher, admins=frozenset(), now=rig.clock, info=INFO
    )


def asked(command, scope=ADA, **arguments):
    return CommandRequest(
        command=command,
        scope=scope,
        actor=scope.speaker,
        actor_name="Ada",
        arguments=arguments,
    )


class TestSuggestions:
    async def test_are_what_the_asker_may_change(self, room):
        assert await room.suggest(asked("memory edit"), "item", "") == ["Ada likes tea"]
        assert await room.suggest(asked("memory edit", BOB), "item", "") == ["Bob likes chess"]
        assert await room.suggest(asked("memory edit"), "item", "COFFEE") == []

    async def test_of_a_topic_are_blocks_the_asker_may_see(self, room):
        labels = await room.suggest(asked("memory show"), "topic", "")
        assert labels.count("human") == 1  # one's own

    async def test_of_admin_commands_are_for_admins(self, room):
        assert await room.suggest(asked("agent reset"), "target", "") == []

    async def test_never_fail(self, room):
        assert await room.suggest(asked("no such command"), "item", "") == []
        assert await room.form_text(asked("no such command")) is None

    @pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.words)
    def test_are_for_options_that_there_are(self, spec):
        options = {name.removesuffix("?") for name in spec.options}
        assert set(spec.completed) | ({spec.form} - {""}) <= options
        assert not spec.form or f"{spec.form}?" in spec.options


class TestOfAdmins:
    @pytest.fixture
    def admin(self):
        return {"platform_admin": True}

    async def test_are_what_can_be_set(self, room, admin):
        mode = replace(asked("agent mode"), **admin)
        assert await room.suggest(mode, "mode", "") == ["mention", "thread", "listen", "off"]
        assert await room.suggest(mode, "mode", "li") == ["listen"]
        block = replace(asked("agent block"), **admin)
        assert await room.suggest(block, "label", "") == []  # persona has its own command

    async def test_forms_begin_with_what_is_set(self, room, rig, admin):
        blocks = {block.label: block.value for block in (await rig.window(ADA)).blocks}
        persona = replace(asked("agent persona"), **admin)
        assert await room.form_text(persona) == blocks["persona"] != ""
        assert await room.form_text(asked("agent persona")) is None


class TestForms:
    async def test_of_a_line_begin_with_what_it_says(self, room):
        assert await room.form_text(asked("memory edit", item="tea")) == "Ada likes tea"
        assert await room.form_text(asked("memory edit", item="chess")) == ""

    async def test_of_the_card_begin_with_the_card(self, room, rig):
        scope = dm_scope("ada")
        assert await room.form_text(asked("memory card", scope)) == ""
        await rig.store.keep_card(scope.speaker, "Ada", "Cook, left-handed", rig.clock())
        assert await room.form_text(asked("memory card", scope)) == "Cook, left-handed"
