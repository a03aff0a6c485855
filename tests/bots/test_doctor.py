"""What the doctor finds, and what it tells to do about it."""

import json
import sys

import pytest

from bots.discord_bot.permissions import NEEDED
from bots.doctor.check import Check
from bots.doctor.examination import examine
from bots.doctor.report import print_report
from bots.slack_bot.manifest import needed_scopes
from tests.bots.processes import ROOT, membot
from tests.fixtures import discord_server
from tests.fixtures.discord_server import BOT_ID, CHANNEL_ID, DiscordServer, role_payload
from tests.fixtures.model_server import ModelServer, error, text
from tests.fixtures.slack_server import Fault, SlackServer


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMBOT_EMBEDDING_MODEL", "none")
    return tmp_path


async def check(name):
    return next(one for one in await examine() if one.name == name)


class TestOffline:
    async def test_nothing_set_is_fine_for_the_terminal(self):
        checks = await examine()
        assert not any(one.failed for one in checks)
        assert [one.name for one in checks] == [
            "settings",
            "disk",
            "database",
            "model",
            "embedding model",
        ]
        assert "demo" in (await check("model")).detail

    async def test_every_bad_setting_is_a_line(self, monkeypatch):
        monkeypatch.setenv("MEMBOT_TOOL_MODE", "magic")
        monkeypatch.setenv("MEMBOT_CONTEXT_TOKENS", "many")
        checks = await examine()
        assert [one.failed for one in checks] == [True, True]
        assert "MEMBOT_TOOL_MODE" in checks[0].detail

    async def test_a_damaged_database_says_what_to_do(self, home):
        (home / "membot.db").write_bytes(b"nonsense")
        found = await check("database")
        assert found.failed
        assert "MEMBOT_DATABASE_URL" in found.detail

    async def test_an_embedding_model_that_is_not_there_fails(self, monkeypatch):
        monkeypatch.setenv("MEMBOT_EMBEDDING_MODEL", "nobody/has-this-model")
        found = await check("embedding model")
        assert found.failed
        assert found.fix


class TestOwnTools:
    def write(self, home, text):
        (home / "own_doctor.py").write_text(text)
        (home / "membot.toml").write_text(
            '[tools]\nmodules = ["own_doctor"]\napprove = ["ring"]\nadmins_only = true\n'
        )

    async def test_are_a_line_with_their_limits(self, home):
        self.write(home, '__all__ = ["ring"]\ndef ring() -> str:\n    "Ring."\n')
        found = await check("own tools own_doctor")
        assert (found.state, found.detail) == ("ok", "ring (admins, asks first)")

    async def test_that_cannot_be_used_say_why_and_what_to_do(self, home):
        (home / "membot.toml").write_text('[tools]\nmodules = ["own_nowhere"]\n')
        found = await check("own tools")
        assert found.failed
        assert "own_nowhere" in found.detail
        assert found.fix


class TestServersOfTools:
    async def test_are_a_line_each_with_what_may_be_used(self, home):
        command = json.dumps([sys.executable, str(ROOT / "tests/fixtures/mcp_server.py"), "stdio"])
        (home / "membot.toml").write_text(
            f'[mcp.sky]\ncommand = {command}\nallow = ["get_w*", "burn"]\napprove = ["burn"]\n'
            '[mcp.gone]\ncommand = ["no-such-program"]\nallow = ["*"]\n'
            f'[mcp.none]\ncommand = {command}\nallow = ["nothing"]\n'
        )
        sky, gone, none = [one for one in await examine() if one.name.startswith("mcp ")]
        assert (sky.state, sky.detail) == ("ok", "sky_get_weather, sky_burn (asks first)")
        assert (gone.failed, gone.detail) == (True, "no connection (FileNotFoundError)")
        assert (none.failed, none.detail) == (True, "no tool")


class TestModel:
    @pytest.fixture
    async def model(self, monkeypatch):
        async with ModelServer() as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            yield server

    async def test_one_that_calls_a_tool_is_sound(self, model):
        assert (await check("model")).state == "ok"

    async def test_one_that_only_talks_is_not(self, model):
        model.respond = lambda body: text("Hello!")
        found = await check("model")
        assert found.failed
        assert "MEMBOT_TOOL_MODE" in found.fix

    async def test_one_that_refuses_is_not(self, model):
        model.respond = lambda body: error(401, "wrong key")
        assert (await check("model")).failed


class TestSlack:
    @pytest.fixture
    async def slack(self, monkeypatch):
        async with SlackServer() as server:
            monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
            monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-1")
            monkeypatch.setenv("SLACK_API_BASE_URL", server.base_url)
            yield server

    async def test_good_tokens_pass(self, slack):
        assert (await check("slack")).state == "ok"
        assert (await check("slack socket mode")).state == "ok"

    @pytest.mark.parametrize(
        ("token", "name", "variable"),
        [
            ("xoxb-1", "slack", "SLACK_BOT_TOKEN"),
            ("xapp-1", "slack socket mode", "SLACK_APP_TOKEN"),
        ],
    )
    async def test_a_refused_token_is_named_but_not_shown(self, slack, token, name, variable):
        slack.refused_tokens = {token}
        found = await check(name)
        assert found.failed
        assert variable in found.fix
        assert token not in found.detail + found.fix

    @pytest.mark.behaviour("setup.doctor", "slack")
    async def test_a_missing_scope_is_named_with_what_to_do(self, slack):
        slack.scopes = set(needed_scopes()) - {"users:read"}
        missing, score = [one for one in await examine() if one.name == "slack scopes"]
        assert (missing.failed, missing.detail) == (True, "missing: users:read")
        assert "slack-manifest" in missing.fix
        assert score.state == "ok"

    async def test_exactly_the_needed_scopes_score_100(self, slack):
        slack.scopes = set(needed_scopes())
        found = await check("slack scopes")
        assert (found.state, found.detail) == ("ok", "least privilege 100 of 100")

    async def test_a_scope_beyond_the_needed_lowers_the_score(self, slack):
        slack.scopes = {*needed_scopes(), "admin", "chat:write.public"}
        found = await check("slack scopes")
        assert found.state == "note"
        assert "100 of" not in found.detail
        assert "admin, chat:write.public" in found.fix

    async def test_a_platform_that_is_down_is_said_so(self, slack):
        slack.fail("auth.test", Fault(status=503))
        assert "503" in (await check("slack")).detail


class TestDiscord:
    @pytest.fixture
    async def discord(self, monkeypatch):
        server = DiscordServer()
        await server.start()
        monkeypatch.setenv("DISCORD_API_BASE_URL", server.api_base_url)
        yield server
        await server.stop()

    async def test_a_good_token_passes(self, discord, monkeypatch):
        monkeypatch.setenv("DISCORD_TOKEN", "token")
        assert (await check("discord")).state == "ok"

    async def test_a_refused_token_has_a_fix(self, discord, monkeypatch):
        monkeypatch.setenv("DISCORD_TOKEN", "wrong-one")
        found = await check("discord")
        assert found.failed
        assert "DISCORD_TOKEN" in found.fix
        assert "wrong-one" not in found.detail + found.fix

    @pytest.fixture
    def bot(self, discord, monkeypatch):
        monkeypatch.setenv("DISCORD_TOKEN", "token")
        return discord

    async def test_more_servers_than_it_looks_at_are_said_so(self, bot, monkeypatch):
        assert (await check("discord")).detail.endswith("in 1 server")
        monkeypatch.setattr("bots.doctor.on_discord._GUILDS", 1)
        assert (await check("discord")).detail.endswith("and perhaps in more")

    async def test_nothing_but_the_needed_permissions_scores_100(self, bot):
        assert NEEDED.value == discord_server.NEEDED
        found = await check("discord server Tea house")
        assert (found.state, found.detail) == ("ok", "least privilege 100 of 100")

    @pytest.mark.behaviour("setup.doctor", "discord")
    async def test_a_missing_permission_is_named_with_what_to_do(self, bot):
        bot.roles[1] = role_payload("800", "membot", discord_server.NEEDED & ~(1 << 11))
        found = await check("discord server Tea house")
        assert (found.failed, found.detail) == (True, "missing: send_messages")
        assert "discord-invite" in found.fix

    async def test_an_administrator_scores_lower(self, bot):
        bot.roles[1] = role_payload("800", "membot", 1 << 3 | discord_server.NEEDED)
        found = await check("discord server Tea house")
        assert found.detail == "least privilege 88 of 100"
        assert "administrator" in found.fix

    async def test_a_channel_that_keeps_it_from_answering_is_named(self, bot):
        bot.channels[CHANNEL_ID]["permission_overwrites"] = [
            {"id": "800", "type": 0, "allow": "0", "deny": str(1 << 11)}
        ]
        found = await check("discord channel #general of Tea house")
        assert (found.state, found.failed) == ("note", False)
        assert "send_messages" in found.detail

    async def test_a_channel_that_is_hidden_from_it_is_nobodys_business(self, bot):
        bot.channels[CHANNEL_ID]["permission_overwrites"] = [
            {"id": "800", "type": 0, "allow": "0", "deny": str(1 << 10)}
        ]
        assert not [one for one in await examine() if "#general" in one.name]

    @pytest.mark.parametrize(("flags", "state"), [(0, "ok"), (1 << 19, "note")])
    async def test_an_intent_that_no_place_needs_is_noted(self, bot, flags, state):
        bot.application_flags = flags
        assert (await check("discord intents")).state == state

    async def test_an_intent_that_a_place_needs_is_missed(self, bot, home):
        (home / "membot.toml").write_text('[[places]]\nmatch = "discord:*"\nmode = "listen"\n')
        found = await check("discord intents")
        assert found.failed
        assert "Message Content" in found.fix

    async def test_commands_of_another_version_are_noticed(self, bot):
        bot.commands = [{"name": "help"}, {"name": "gone"}, {"name": "Forget this", "type": 3}]
        found = await check("discord commands")
        assert found.state == "note"
        assert "1 of another version" in found.detail
        assert "membot run" in found.fix

    async def test_commands_are_looked_for_in_the_development_server(self, bot, home):
        (home / "membot.toml").write_text('[discord]\ndevelopment_server = "111"\n')
        assert (await check("discord commands")).state == "note"
        assert [path for _, path, _ in bot.requests if "commands" in path] == [
            f"/applications/{BOT_ID}/guilds/111/commands"
        ]
        bot.fail("GET", "/guilds/111/commands", 403)
        assert "111" in (await check("discord commands")).detail

    async def test_nobody_there_is_said_so(self, monkeypatch):
        monkeypatch.setenv("DISCORD_TOKEN", "token")
        monkeypatch.setenv("DISCORD_API_BASE_URL", "http://127.0.0.1:9/api/v10")
        assert "cannot be reached" in (await check("discord")).detail


CHECKS = [
    Check(name="disk", state="ok", detail="10 MiB free"),
    Check(name="slack", state="failed", detail="no", fix="Do this."),
]


class TestReport:
    def test_is_one_line_a_check_with_its_fix(self, capsys):
        print_report(CHECKS, as_json=False)
        ok, failed = capsys.readouterr().out.splitlines()
        assert ok.endswith("10 MiB free")
        assert failed.endswith("no -> Do this.")

    def test_is_json_for_scripts(self, capsys):
        print_report(CHECKS, as_json=True)
        report = json.loads(capsys.readouterr().out)
        assert report["ok"] is False
        assert report["checks"][1]["fix"] == "Do this."

    async def test_the_exit_code_is_the_answer(self, home):
        assert (await membot(home, "doctor")).code == 0
        (home / "membot.db").write_bytes(b"nonsense")
        assert (await membot(home, "doctor", "--json")).code == 1
