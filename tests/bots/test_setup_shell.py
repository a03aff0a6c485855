"""What to paste at Slack and at Discord."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from bots.cli import run_command_line
from bots.discord_bot.permissions import NEEDED
from bots.setup_shell import _own_id
from tests.bots.processes import ROOT
from tests.fixtures.discord_server import BOT_ID, DiscordServer


class TestSlackManifest:
    @pytest.mark.behaviour("setup.least", "slack")
    def test_is_the_file_of_the_repository(self, capsys):
        assert run_command_line(["slack-manifest"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed == json.loads((ROOT / "slack-manifest.json").read_text())
        assert printed["settings"]["socket_mode_enabled"]

    def test_names_the_address_in_http_mode(self, capsys):
        assert run_command_line(["slack-manifest", "--url", "https://bot.example.org/"]) == 0
        settings = json.loads(capsys.readouterr().out)["settings"]
        assert not settings["socket_mode_enabled"]
        address = "https://bot.example.org/slack/events"
        assert settings["event_subscriptions"]["request_url"] == address
        assert settings["interactivity"]["request_url"] == address

    def test_refuses_an_address_slack_would_refuse(self, capsys):
        assert run_command_line(["slack-manifest", "--url", "http://bot"]) == 2
        assert "https://" in capsys.readouterr().err


class TestDiscordInvite:
    @pytest.mark.behaviour("setup.least", "discord")
    def test_asks_for_the_least_permissions_and_both_scopes(self, capsys):
        assert run_command_line(["discord-invite", "4711"]) == 0
        asked = parse_qs(urlsplit(capsys.readouterr().out.strip()).query)
        assert asked["client_id"] == ["4711"]
        assert asked["permissions"] == [str(NEEDED.value)]
        assert asked["scope"] == ["bot applications.commands"]
        assert not NEEDED.administrator

    async def test_finds_its_own_id(self, monkeypatch, tmp_path, capsys):
        monkeypatch.chdir(tmp_path)
        server = DiscordServer()
        await server.start()
        monkeypatch.setenv("DISCORD_TOKEN", "token")
        monkeypatch.setenv("DISCORD_API_BASE_URL", server.api_base_url)
        assert await _own_id() == int(BOT_ID)
        await server.stop()

    def test_without_token_and_id_says_what_is_missing(self, monkeypatch, tmp_path, capsys):
        monkeypatch.chdir(tmp_path)
        assert run_command_line(["discord-invite"]) == 2
        assert "DISCORD_TOKEN" in capsys.readouterr().err
