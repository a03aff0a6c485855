"""HTTP mode: the same events on a route of the web listener, and nobody but Slack."""

import json

import pytest

from bots.slack_bot.adapter import SlackAdapter
from engine.errors import BadSettings
from tests.bots.slack.conftest import NOW, RecordingInbox, RecordingRunner, an_item, ports_of
from tests.fixtures.slack_server import BOT_USER


class TestSignatures:
    async def test_a_genuine_event_is_taken(self, web_bot, slack):
        bot, client = web_bot
        status, _ = await client.event(slack.event(slack.message("hello")))
        assert status == 200
        assert [event.text for event in bot.inbox.events] == ["hello"]

    async def test_a_wrong_signature_is_401(self, web_bot, slack):
        bot, client = web_bot
        status, _ = await client.event(slack.event(slack.message("hi")), signature="v0=" + "0" * 64)
        assert status == 401
        assert bot.inbox.outcomes == []

    @pytest.mark.parametrize("age", [-600, 600, 301])
    async def test_a_time_stamp_of_another_time_is_401(self, web_bot, slack, age):
        bot, client = web_bot
        stamp = str(int(NOW.timestamp()) - age)
        status, _ = await client.event(slack.event(slack.message("hi")), stamp=stamp)
        assert status == 401
        assert bot.inbox.outcomes == []

    @pytest.mark.parametrize("stamp", ["", "soon", "-1", "1e9", "１７"])
    async def test_a_time_stamp_that_is_none_is_401(self, web_bot, slack, stamp):
        _, client = web_bot
        payload = slack.event(slack.message("hi"))
        signature = "é" if stamp.isascii() else "v0=x"
        status, _ = await client.event(payload, stamp=stamp or " ", signature=signature)
        assert status == 401

    async def test_unsigned_checks_are_401_too(self, web_bot):
        _, client = web_bot
        async with client.session.post(client.url, data={"ssl_check": "1"}) as answer:
            assert answer.status == 401

    async def test_a_body_that_is_no_json_is_no_crash(self, web_bot, slack):
        bot, client = web_bot
        status, _ = await client._post("{nonsense", "application/json", {})
        assert status in (400, 404, 500)
        await client.event(slack.event(slack.message("still here")))
        assert len(bot.inbox.events) == 1

    def test_without_any_secret_there_is_no_adapter(self, slack):
        with pytest.raises(BadSettings, match="SLACK_SIGNING_SECRET"):
            SlackAdapter(
                "xoxb",
                ports_of(RecordingInbox(slack), RecordingRunner(), (), lambda: NOW),
            )

    def test_socket_mode_alone_opens_no_route(self, make_bot):
        with pytest.raises(BadSettings, match="SLACK_SIGNING_SECRET"):
            make_bot().adapter.http_handler()


class TestEvents:
    async def test_the_challenge_of_the_set_up_is_answered(self, web_bot):
        _, client = web_bot
        status, text = await client.event({"type": "url_verification", "challenge": "abc"})
        assert (status, json.loads(text)) == (200, {"challenge": "abc"})

    async def test_a_mention_and_its_twin_are_handed_over_once(self, web_bot, slack):
        bot, client = web_bot
        room = {"channel": "C1", "channel_type": "channel"}
        message = slack.message(f"<@{BOT_USER}> hi", **room)
        await client.event(slack.event(message))
        await client.event(slack.event(message | {"type": "app_mention"}))
        assert bot.inbox.outcomes == ["queued", "duplicate"]

    async def test_the_same_event_again_is_a_duplicate(self, web_bot, slack):
        bot, client = web_bot
        payload = slack.event(slack.message("once"))
        for _ in range(3):
            assert (await client.event(payload))[0] == 200
        assert bot.inbox.outcomes == ["queued", "duplicate", "duplicate"]

    async def test_what_could_not_be_stored_is_an_error_so_that_slack_repeats(self, web_bot, slack):
        bot, client = web_bot
        payload = slack.event(slack.message("keep this"))
        bot.inbox.broken = True
        assert (await client.event(payload))[0] == 500
        bot.inbox.broken = False
        assert (await client.event(payload))[0] == 200
        assert len(bot.inbox.events) == 1

    async def test_other_bots_are_ignored(self, web_bot, slack):
        bot, client = web_bot
        assert (await client.event(slack.event(slack.message("hi", bot_id="B9"))))[0] == 200
        assert bot.inbox.outcomes == []

    async def test_before_slack_was_reached_they_are_refused_for_later(self, web_bot, slack):
        bot, client = web_bot
        bot.adapter._me = None
        assert (await client.event(slack.event(slack.message("hi"))))[0] == 500
        assert bot.inbox.outcomes == []


class TestInteraction:
    async def test_slash_commands_come_as_forms(self, web_bot, slack):
        bot, client = web_bot
        assert await client.slash(slack.slash("memory show cats & dogs")) == (200, "")
        await slack.until(lambda: slack.responses)
        assert bot.runner.requests[0].arguments == {"topic": "cats & dogs"}

    async def test_buttons_come_as_forms(self, web_bot, slack):
        bot, client = web_bot
        value = {"command": "status", "arguments": {}, "team": "T1", "user": "U1"}
        value = json.dumps(value | {"room": None, "thread": None})
        press = slack.press({"action_id": "membot_confirm", "value": value})
        assert (await client.interactive(press))[0] == 200
        await slack.until(lambda: slack.responses)
        assert bot.runner.requests[0].confirmed

    async def test_replies_go_out_as_in_socket_mode(self, web_bot, slack):
        bot, client = web_bot
        await client.event(slack.event(slack.message("hello")))
        await bot.adapter.send(an_item(bot.inbox.events[0]), "hi", 0)
        assert slack.posted[0]["markdown_text"] == "hi"
