"""Connecting, staying connected, coming back, and what the log may hold."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from engine.errors import BadSettings, OperatorError
from tests.fixtures.slack_server import APP_TOKEN, BOT_TOKEN, BOT_USER, Fault, SlackServer

MANIFEST = Path(__file__).parents[3] / "slack-manifest.json"


class TestTokens:
    async def test_a_wrong_bot_token_names_its_variable(self, make_bot, slack):
        slack.refused_tokens.add(BOT_TOKEN)
        bot = make_bot()
        with pytest.raises(BadSettings, match="SLACK_BOT_TOKEN"):
            await bot.adapter.run()
        await bot.adapter.close()

    async def test_a_wrong_app_token_names_its_variable(self, make_bot, slack):
        slack.refused_tokens.add(APP_TOKEN)
        bot = make_bot()
        with pytest.raises(BadSettings, match="SLACK_APP_TOKEN"):
            await bot.adapter.run()
        await bot.adapter.close()

    async def test_no_token_is_in_the_sentence(self, make_bot, slack):
        slack.refused_tokens |= {BOT_TOKEN, APP_TOKEN}
        bot = make_bot()
        with pytest.raises(OperatorError) as caught:
            await bot.adapter.run()
        await bot.adapter.close()
        assert BOT_TOKEN not in caught.value.sentence


class TestComingBack:
    async def test_a_slack_that_starts_late_is_found(self, make_bot):
        slack = SlackServer()
        await slack.start()
        await slack.stop()  # the port is known, nobody listens
        async with _bot_for(make_bot, slack) as bot:
            await slack.until(lambda: bot.problems)
            assert isinstance(bot.problems[0], OperatorError)
            assert not bot.adapter.connected
            await slack.start()
            await slack.until(lambda: slack.connections)
            await bot.say("at last")
            assert bot.inbox.outcomes == ["queued"]
            assert bot.adapter.connected
        await slack.stop()

    async def test_a_slack_that_is_unwell_at_start_is_tried_again(self, make_bot, slack):
        slack.fail("auth.test", Fault(status=503))
        slack.fail("apps.connections.open", Fault(status=429, retry_after=1))
        async with make_bot().serve() as bot:
            await slack.until(lambda: slack.connections)
            await bot.say("hello")
        assert len(bot.problems) == 2

    async def test_a_cut_connection_is_made_again(self, bot, slack):
        slack.cut()
        await slack.until(lambda: slack.connections_opened == 2 and slack.connections)
        await bot.say("hello again")
        assert bot.inbox.outcomes == ["queued"]
        assert bot.problems == []

    async def test_a_disconnect_frame_leads_to_a_new_connection(self, bot, slack):
        await slack.send_disconnect()
        await slack.until(lambda: slack.connections_opened == 2 and len(slack.connections) == 1)
        await bot.say("hello again")
        assert bot.inbox.outcomes == ["queued"]

    async def test_a_restarted_slack_is_found_again(self, bot, slack):
        await slack.stop()
        await slack.start()
        await slack.until(lambda: slack.connections)
        await bot.say("hello again")
        assert bot.inbox.outcomes == ["queued"]

    async def test_what_slack_repeats_after_a_cut_is_a_duplicate(self, bot, slack):
        payload = slack.event(slack.message("once"))
        await bot.take(payload)
        slack.cut()
        await slack.until(lambda: slack.connections_opened == 2 and slack.connections)
        await slack.acked(await slack.push("events_api", payload, retry=1))
        assert bot.inbox.outcomes == ["queued", "duplicate"]


class TestProxies:
    async def test_are_not_used_for_this_machine(self, make_bot, slack, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        async with make_bot().serve() as bot:
            await slack.until(lambda: slack.connections)
            await bot.say("hello")
        assert bot.problems == []


class TestRunning:
    async def test_ends_when_cancelled_and_runs_again(self, make_bot, slack):
        bot = make_bot()
        for number in (1, 2):
            async with bot.serve():
                await slack.until(lambda n=number: slack.connections_opened == n)
            await slack.until(lambda: not slack.connections)
            assert not bot.adapter.connected

    async def test_leaves_no_task_behind(self, make_bot, slack):
        before = asyncio.all_tasks()
        async with make_bot().serve() as bot:
            await slack.until(lambda: slack.connections)
            await bot.say("hello")
        await slack.until(lambda: not slack.connections)
        names = {str(task.get_coro()) for task in asyncio.all_tasks() - before}
        assert not [name for name in names if "slack_" in name]

    async def test_http_mode_is_connected_once_slack_answered(self, make_bot, slack):
        bot = make_bot(signing_secret="s")
        assert not bot.adapter.connected
        async with bot.serve():
            await slack.until(lambda: bot.adapter.connected or slack.count("auth.test"))
            await slack.until(lambda: bot.adapter.connected)
        assert not bot.adapter.connected


class TestLogs:
    async def test_hold_no_words_no_tokens_no_bodies(self, make_bot, slack, caplog):
        caplog.set_level(logging.DEBUG)
        async with make_bot().serve() as bot:
            await slack.until(lambda: slack.connections)
            slack.fail("conversations.replies", Fault(status=503))
            await bot.say("the secret word is aubergine")
            await bot.say("!memory show aubergine")
            await slack.push("slash_commands", {"text": "aubergine", "command": "/membot"})
            await slack.push(
                "events_api", {"type": "event_callback", "event": {"text": "aubergine"}}
            )
            await slack.push("interactive", {"type": "message_action", "text": "aubergine"})
            await bot.say("aubergine", user=BOT_USER)
            slack.fail("apps.connections.open", Fault(error="aubergine"))
            slack.cut()
            await slack.until(lambda: slack.connections_opened == 2 and slack.connections)
            await bot.say("aubergine again")
        assert "Slack library: problem in" in caplog.text
        assert "aubergine" not in caplog.text
        assert "xoxb-" not in caplog.text
        assert "xapp-" not in caplog.text


class TestManifest:
    def test_names_what_the_adapter_uses(self):
        manifest = json.loads(MANIFEST.read_text())
        events = manifest["settings"]["event_subscriptions"]["bot_events"]
        assert "agent_session_stopped" in events
        assert {"app_mention", "message.im", "message.channels"} <= set(events)
        assert [c["command"] for c in manifest["features"]["slash_commands"]] == ["/membot"]
        assert "agent_view" in manifest["features"]
        assert manifest["settings"]["socket_mode_enabled"] is True
        assert manifest["settings"]["interactivity"]["is_enabled"] is True

    @pytest.mark.behaviour("setup.least", "slack")
    def test_asks_for_no_scope_twice_and_for_none_of_the_broad_ones(self):
        scopes = json.loads(MANIFEST.read_text())["oauth_config"]["scopes"]
        assert list(scopes) == ["bot"]
        assert len(scopes["bot"]) == len(set(scopes["bot"]))
        assert not {"chat:write.public", "channels:join", "users:read.email"} & set(scopes["bot"])


def _bot_for(make_bot, slack: SlackServer):
    bot = make_bot(app_token=APP_TOKEN, api_base_url=slack.base_url)
    bot.slack = bot.inbox._slack = slack
    return bot.serve()
