"""Commands written as text: run like any other, and answered to the person alone."""

import discord
import pytest

from bots.adapter import Choice, CommandAnswer
from engine.errors import NotAllowed


@pytest.fixture
def secret(runner):
    runner.answer = CommandAnswer(text="Your secret.")


@pytest.mark.usefixtures("secret")
@pytest.mark.behaviour("command.text-form", "discord")
class TestWords:
    async def test_in_a_direct_message_are_answered_there(self, simcord_env, runner, inbox):
        ada = simcord_env.create_user("ada")
        await ada.send_dm("!memory show tea")
        [request] = runner.requests
        assert (request.command, request.arguments) == ("memory show", {"topic": "tea"})
        assert request.scope.agent_id == f"discord:*/user/{ada.id}"
        assert ada.dm_channel.last_message.content == "Your secret."
        assert inbox.events == []

    async def test_in_a_channel_are_answered_by_direct_message(
        self, guild, general, ada, me, runner
    ):
        await ada.send(general, f"{me} !memory show")
        assert runner.requests[0].scope.agent_id == f"discord:{guild.id}/channel/{general.id}"
        assert runner.requests[0].origin.place == f"discord:{guild.id}/channel/{general.id}"
        assert ada.user.dm_channel.last_message.content == "Your secret."
        assert general.last_message.content.endswith("!memory show")

    async def test_in_a_thread_it_takes_part_in_need_no_mention(
        self, simcord_env, general, ada, me, runner
    ):
        stored = simcord_env.backend.create_thread(general.id, "tea", ada.id)
        [thread] = general.threads
        await ada.send(thread, f"{me} !new")
        await ada.send(thread, "!status")
        assert [request.command for request in runner.requests] == ["new"]
        assert "no such command" in ada.user.dm_channel.last_message.content
        assert runner.requests[0].scope.conversation_id.endswith(f"/thread/{stored.id}")

    async def test_not_for_the_bot_do_nothing(self, general, ada, runner):
        await ada.send(general, "!memory show")
        assert runner.requests == []


class TestAnswers:
    async def test_say_what_to_type_in_the_place_of_buttons(self, general, ada, me, runner):
        choice = Choice(label="Pin", command="memory search", arguments={"query": "a b"})
        runner.answer = CommandAnswer(text="This goes.", confirm="Erase", choices=(choice,))
        await ada.send(general, f"{me} !memory forget-me")
        assert ada.user.dm_channel.last_message.content.splitlines() == [
            "This goes.",
            "Erase: the same again with `--yes`",
            'Pin: `!memory search query:"a b"`',
        ]
        await ada.send(general, f"{me} !memory forget-me --yes")
        assert runner.requests[-1].confirmed

    async def test_ping_nobody(self, simcord_env, general, ada, me, runner):
        runner.answer = CommandAnswer(text="<@&1>")
        await ada.send(general, f"{me} !memory show")
        sent = [
            entry.json
            for entry in simcord_env.http_requests
            if entry.method == "POST" and entry.path.endswith("/messages")
        ]
        assert sent[-1]["allowed_mentions"] == {"parse": []}

    @pytest.mark.parametrize("refusal", [(403, 50007), (400, 40003)])
    async def test_are_not_said_in_the_channel_when_direct_messages_are_closed(
        self, general, ada, me, secret, monkeypatch, refusal
    ):
        async def closed(*_, **__):
            status, code = refusal
            response = type("Response", (), {"status": status, "reason": "no"})()
            raise discord.HTTPException(response, {"code": code, "message": "closed"})

        monkeypatch.setattr(discord.Member, "send", closed)
        await ada.send(general, f"{me} !memory show")
        assert general.last_message.content.startswith("I cannot write to you directly")

    async def test_of_problems_are_one_sentence(self, simcord_env, runner):
        ada = simcord_env.create_user("ada")
        runner.failure = NotAllowed()
        await ada.send_dm("!memory show")
        assert ada.dm_channel.last_message.content == "Only an admin may do that."


class TestRights:
    async def test_are_what_the_server_says(self, simcord_env, guild, general, ada, me, runner):
        role = guild.create_role("Mods", permissions=discord.Permissions(manage_guild=True))
        grace = guild.add_member(simcord_env.create_user("grace"), roles=[role])
        for person in (ada, grace):
            await person.send(general, f"{me} !agent reset room")
        assert [request.platform_admin for request in runner.requests] == [False, True]
