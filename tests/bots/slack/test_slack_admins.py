"""The commands of admins on Slack, from the words to the answer."""

from dataclasses import replace

import pytest

from bots.command_table import COMMANDS
from tests.bots.admin_cases import CASES, real_commands
from tests.bots.memory_rig import open_memory
from tests.fixtures.slack_server import BOT_USER


@pytest.fixture
async def admin_bot(make_bot, slack, tmp_path, monkeypatch):
    """Connected, with the whole command layer behind it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMBOT_EMBEDDING_MODEL", "none")
    bot = make_bot()
    async with open_memory(tmp_path) as memory:
        commands = real_commands(memory, tmp_path, {"slack:T1/UADMIN"})
        ports = replace(bot.adapter.ports, commands=commands, command_table=COMMANDS)
        bot.adapter = replace(bot.adapter, ports=ports)
        async with bot.serve():
            await slack.until(lambda: slack.connections)
            yield bot


@pytest.mark.behaviour("command.agent-allow", "slack")
@pytest.mark.behaviour("command.agent-deny", "slack")
@pytest.mark.behaviour("command.agent-budget", "slack")
@pytest.mark.behaviour("command.agent-retention", "slack")
@pytest.mark.behaviour("command.agent-usage", "slack")
@pytest.mark.behaviour("command.agent-audit", "slack")
@pytest.mark.behaviour("command.agent-backup", "slack")
@pytest.mark.behaviour("command.agent-doctor", "slack")
@pytest.mark.behaviour("command.agent-reset", "slack")
async def test_an_operators_commands_are_answered_to_them_alone(admin_bot, slack):
    for number, (typed, expected) in enumerate(CASES):
        await admin_bot.take(slack.slash(typed, user_id="UADMIN"), "slash_commands")
        await slack.until(lambda count=number: len(slack.responses) > count)
        answer = slack.responses[number]
        assert expected in str(answer), typed
        assert answer["response_type"] == "ephemeral"
    assert slack.posted == []


@pytest.mark.parametrize("typed", ["agent deny user <@U2|bob>", "agent deny user <@U2>"])
async def test_a_mention_means_the_person_and_not_their_name(admin_bot, slack, typed):
    await admin_bot.take(slack.slash(typed, user_id="UADMIN"), "slash_commands")
    await slack.until(lambda: slack.responses)
    assert "User U2 is shut out" in str(slack.responses[0])
    room = {"channel": "C1", "channel_type": "channel", "user": "UADMIN"}
    await admin_bot.say(f"<@{BOT_USER}> !{typed}", **room)
    await slack.until(lambda: slack.count("chat.postEphemeral"))
    assert "User U2 is shut out" in str(slack.params("chat.postEphemeral"))
