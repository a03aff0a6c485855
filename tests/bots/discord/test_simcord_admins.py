"""The commands of admins on Discord, from the slash to the answer."""

import discord
import pytest

from bots.command_table import COMMANDS
from bots.typed_commands import parse
from tests.bots.admin_cases import CASES, real_commands
from tests.bots.discord.doubles import make_adapter
from tests.bots.memory_rig import open_memory


@pytest.fixture
async def memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMBOT_EMBEDDING_MODEL", "none")
    async with open_memory(tmp_path) as opened:
        yield opened


@pytest.fixture
def operators():
    """Grows while the test runs: who is made up has an id only then."""
    return set()


@pytest.fixture
def adapter(inbox, memory, tmp_path, clock, operators):
    commands = real_commands(memory, tmp_path, operators)
    return make_adapter(inbox, commands, now=clock, table=COMMANDS)


@pytest.mark.behaviour("command.agent-allow", "discord")
@pytest.mark.behaviour("command.agent-deny", "discord")
@pytest.mark.behaviour("command.agent-budget", "discord")
@pytest.mark.behaviour("command.agent-retention", "discord")
@pytest.mark.behaviour("command.agent-usage", "discord")
@pytest.mark.behaviour("command.agent-audit", "discord")
@pytest.mark.behaviour("command.agent-backup", "discord")
@pytest.mark.behaviour("command.agent-doctor", "discord")
@pytest.mark.behaviour("command.agent-reset", "discord")
async def test_an_operators_commands_are_answered_to_them_alone(
    simcord_env, guild, general, operators
):
    managers = guild.create_role("managers", permissions=discord.Permissions(manage_guild=True))
    operator = guild.add_member(simcord_env.create_user("root"), roles=[managers])
    operators.add(f"discord:{guild.id}/{operator.id}")
    for typed, expected in CASES:
        parsed = parse(typed, COMMANDS)
        result = await operator.slash(general, parsed.spec.words, **parsed.arguments)
        assert expected in result.response.content, typed
        assert result.response.ephemeral
