"""Start-up, reconnection and lost answers, over real sockets."""

import asyncio
import json
import logging
import socket
from dataclasses import replace

import discord
import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bots.adapter import AnswerFile, CommandAnswer
from engine.errors import BadSettings, DeliveryDelayed, DeliveryRefused
from engine.records import Quote
from tests.bots.discord.doubles import RecordingInbox, RecordingRunner, make_adapter, make_item
from tests.fixtures.discord_server import (
    BOT_ID,
    CHANNEL_ID,
    CONTENT_GRANTED,
    GUILD_ID,
    DiscordServer,
    thread_payload,
)
from tests.fixtures.limits import DISCORD

MESSAGES = "/messages$"


async def until(condition):
    """Wait for a state of the adapter that no event of the server tells."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
def addresses(monkeypatch):
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)


@pytest.fixture
async def server():
    server = DiscordServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def inbox():
    return RecordingInbox()


@pytest.fixture
def runner():
    return RecordingRunner()


def pointed_at(server, inbox=None, runner=None, **more):
    return make_adapter(
        inbox, runner, api_base_url=server.api_base_url, gateway_url=server.gateway_url, **more
    )


@pytest.fixture
async def adapter(server, inbox, runner):
    """Connected, with its commands known."""
    adapter = pointed_at(server, inbox, runner)
    running = asyncio.create_task(adapter.run())
    await until(lambda: adapter.connected and server.commands)
    yield adapter
    await adapter.close()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class TestStart:
    async def test_connects_registers_commands_and_hears(self, server, adapter, inbox):
        await server.say_directly("Hello")
        await inbox.has(1)
        assert inbox.texts == ["Hello"]
        assert {command["name"] for command in server.commands} >= {"memory", "agent", "new"}

    async def test_of_a_server_that_comes_late(self, free_port, inbox):
        server = DiscordServer()
        server.port = free_port
        adapter = pointed_at(server, inbox)
        with pytest.raises(ConnectionError):
            await adapter.run()
        await server.start(free_port)
        running = asyncio.create_task(adapter.run())
        await until(lambda: adapter.connected)
        await adapter.close()
        await running
        await server.stop()

    async def test_with_a_gateway_that_refuses_is_an_ordinary_error(self, server, free_port):
        adapter = make_adapter(
            api_base_url=server.api_base_url, gateway_url=f"ws://127.0.0.1:{free_port}/gw"
        )
        with pytest.raises(ConnectionError, match="gateway"):
            await adapter.run()
        assert not adapter.connected

    async def test_with_a_gateway_that_never_gets_ready_is_given_up(self, server, monkeypatch):
        monkeypatch.setattr("bots.discord_bot.adapter._PATIENCE_SECONDS", 0.05)
        server.silent = True
        with pytest.raises(ConnectionError, match="ended"):
            await pointed_at(server).run()

    async def test_with_a_wrong_token_names_the_setting(self, server):
        with pytest.raises(BadSettings, match="DISCORD_TOKEN"):
            await pointed_at(server, token="wrong").run()

    async def test_with_a_token_that_the_gateway_refuses_names_the_setting(self, server):
        server.gateway_token = "changed"
        with pytest.raises(BadSettings, match="DISCORD_TOKEN"):
            await pointed_at(server).run()

    async def test_with_an_intent_that_was_not_granted_says_which(self, server):
        server.close_code = 4014
        with pytest.raises(BadSettings, match="Message Content"):
            await pointed_at(server).run()

    @pytest.mark.parametrize(("flags", "asked"), [(0, False), (1 << 18, True), (1 << 19, True)])
    @pytest.mark.behaviour("when.least-intents", "discord")
    async def test_asks_for_message_content_only_where_the_portal_grants_it(
        self, server, flags, asked
    ):
        server.application_flags = flags
        adapter = pointed_at(server)
        running = asyncio.create_task(adapter.run())
        await until(lambda: adapter.connected)
        assert discord.Intents(server.intents).message_content == asked
        await adapter.close()
        await running

    async def test_that_discord_ends_for_another_reason_is_tried_again(self, server):
        server.close_code = 4012
        with pytest.raises(ConnectionError, match="4012"):
            await pointed_at(server).run()

    async def test_while_discord_is_down_is_tried_again(self, server):
        server.fail("GET", "/users/@me", 503)
        with pytest.raises(ConnectionError, match="DiscordServerError"):
            await pointed_at(server).run()

    async def test_again_after_the_client_was_killed_by_a_malformed_event(self, server, inbox):
        adapter = pointed_at(server, inbox)
        running = asyncio.create_task(adapter.run())
        await until(lambda: adapter.connected)
        await server.dispatch("MESSAGE_CREATE", {"nonsense": True})
        with pytest.raises(KeyError):
            await running
        assert not adapter.connected
        again = asyncio.create_task(adapter.run())
        await until(lambda: adapter.connected)
        await server.say_directly("Hello")
        await inbox.has(1)
        assert sum(method == "PUT" for method, _, _ in server.requests) == 1
        again.cancel()
        with pytest.raises(asyncio.CancelledError):
            await again
        assert not adapter.connected

    async def test_of_commands_refused_does_not_stop_the_bot(self, server, inbox, caplog):
        server.fail("PUT", "/commands", 403)
        adapter = pointed_at(server, inbox)
        running = asyncio.create_task(adapter.run())
        await until(lambda: "on_connect failed: Forbidden" in caplog.text)
        await server.say_directly("Hello")
        await inbox.has(1)
        await adapter.close()
        await running

    async def test_close_ends_run_without_an_error(self, server):
        adapter = pointed_at(server)
        running = asyncio.create_task(adapter.run())
        await until(lambda: adapter.connected)
        await adapter.close()
        assert await running is None
        assert not adapter.connected


class TestReconnection:
    async def test_after_a_cut_resumes_with_what_was_said_meanwhile(self, server, adapter, inbox):
        await server.say_directly("one")
        await inbox.has(1)
        await server.cut()
        await server.say_directly("two")
        await server.say_directly("three")
        await inbox.has(3)
        assert inbox.texts == ["one", "two", "three"]
        assert (server.identified, server.resumed) == (1, 1)

    async def test_on_request_resumes(self, server, adapter, inbox):
        await server.ask_to_reconnect()
        await server.until(lambda: server.resumed == 1)
        await server.say_directly("still there?")
        await inbox.has(1)

    async def test_after_an_invalid_session_identifies_afresh(self, server, adapter, inbox):
        await server.invalidate_session()
        await server.until(lambda: server.identified == 2)
        await server.say_directly("still there?")
        await inbox.has(1)
        await until(lambda: adapter.connected)
        assert sum(method == "PUT" for method, _, _ in server.requests) == 1

    async def test_shows_when_nothing_can_arrive(self, server, adapter):
        await server.stop()
        await until(lambda: not adapter.connected)


class TestPlaces:
    async def test_a_guild_that_is_not_known_yet_is_never_taken_for_a_direct_message(
        self, server, adapter, inbox
    ):
        server.channels["300"] = thread_payload("300", guild="111")
        await server.say(f"<@{BOT_ID}> psst", channel="300", guild="111")
        await inbox.has(1)
        scope = inbox.events[0].scope
        assert scope.agent_id == f"discord:111/channel/{CHANNEL_ID}"
        assert scope.conversation_id.endswith("/thread/300")
        assert scope.audience == "room"

    async def test_a_channel_that_discord_does_not_show_is_left_alone(self, server, adapter, inbox):
        await server.say(f"<@{BOT_ID}> psst", channel="301")
        await server.say_directly("and now?")
        await server.until(lambda: ("GET", "/channels/301", None) in server.requests)
        await inbox.has(1)
        assert inbox.texts == ["and now?"]

    @pytest.mark.behaviour("when.engaged", "discord")
    async def test_a_thread_of_which_the_bot_is_a_member_is_known_after_a_restart(
        self, server, inbox
    ):
        server.application_flags = CONTENT_GRANTED
        server.threads = [thread_payload("302", member=True), thread_payload("303")]
        adapter = pointed_at(server, inbox)
        running = asyncio.create_task(adapter.run())
        await until(lambda: adapter.connected)
        await server.say("not for the bot", channel="303")
        await server.say("go on", channel="302")
        await inbox.has(1)
        assert inbox.texts == ["go on"]
        await adapter.close()
        await running

    async def test_the_first_message_of_a_forum_post_stands_in_it(self, server, adapter, inbox):
        await server.dispatch("THREAD_CREATE", thread_payload("500"))
        await server.say(f"<@{BOT_ID}> how?", channel="500", id="500")
        await inbox.has(1)
        assert json.loads(inbox.events[0].address) == {"channel": "500", "message": "500"}

    @pytest.mark.behaviour("change.delete", "discord")
    async def test_a_thread_that_is_deleted_takes_all_that_was_said_in_it(
        self, server, adapter, inbox
    ):
        gone = {"id": "500", "guild_id": GUILD_ID, "type": 11}
        for parent in ("999", CHANNEL_ID):  # the first went with its channel, which is closed
            await server.dispatch("THREAD_DELETE", gone | {"parent_id": parent})
        await server.say_directly("and then?")
        await inbox.has(1)
        assert inbox.changes == [(f"discord:{GUILD_ID}", "discord:500/", None)]

    async def test_messages_of_a_channel_keep_their_order(self, server, inbox):
        server.application_flags = CONTENT_GRANTED
        adapter = pointed_at(server, inbox)
        running = asyncio.create_task(adapter.run())
        await until(lambda: adapter.connected)
        thread = await adapter.send(make_item(CHANNEL_ID), "Tea?", 0)
        await server.dispatch("THREAD_CREATE", thread_payload(thread))
        starter = f"/channels/{CHANNEL_ID}/messages/{thread}"
        released = server.hold("GET", starter)
        await server.say("the answer to this takes a question to Discord", channel=thread)
        await server.until(lambda: ("GET", starter, None) in server.requests)
        await server.say(f"<@{BOT_ID}> this does not", channel=thread)
        await server.say_directly("elsewhere")
        await inbox.has(1)
        released.set()
        await inbox.has(3)
        first = "the answer to this takes a question to Discord"
        assert inbox.texts == ["elsewhere", first, "this does not"]
        await adapter.close()
        await running


class TestContent:
    async def test_forwarded_is_quoted(self, server, adapter, inbox):
        snapshot = server._message(CHANNEL_ID, "Tea is at five.", {})
        reference = {"type": 1, "channel_id": CHANNEL_ID, "message_id": snapshot["id"]}
        await server.say_directly(
            "", message_snapshots=[{"message": snapshot}], message_reference=reference
        )
        await inbox.has(1)
        assert inbox.events[0].text == ""
        assert inbox.events[0].quote == Quote(
            author_name="a forwarded message", text="Tea is at five."
        )

    async def test_of_a_sticker_is_its_name(self, server, adapter, inbox):
        sticker = {"id": "5", "name": "wave", "format_type": 1}
        await server.say_directly("", sticker_items=[sticker])
        await inbox.has(1)
        assert inbox.texts == ["[sticker: wave]"]


class TestPrivacy:
    async def test_not_even_debug_logs_hold_messages(self, server, adapter, inbox, caplog):
        caplog.set_level(logging.DEBUG)
        await server.say_directly("my secret is plum")
        await inbox.has(1)
        await adapter.send(make_item(CHANNEL_ID), "mine is cherry", 0)
        assert "plum" not in caplog.text
        assert "cherry" not in caplog.text


class TestDelivery:
    async def test_waits_out_a_429_that_discord_itself_sends(self, server, adapter):
        body = {"message": "slow down", "retry_after": 0.01, "global": False}
        server.fail("POST", MESSAGES, 429, Via="1.1 google", Retry_After="1", body=body)
        await adapter.send(make_item(CHANNEL_ID), "Hello", 0)
        assert server.sent() == ["Hello"]

    @pytest.mark.behaviour("how.files-out", "discord")
    async def test_sends_a_file_with_its_words_once(self, server, adapter):
        file = AnswerFile(name="plan.md", content=b"Tea at four.")
        item = replace(make_item(CHANNEL_ID), file=file)
        for _ in range(2):  # the answer to the first try was lost
            await adapter.send(item, "The plan.", 0)
        assert server.sent() == ["The plan."]
        assert server.uploads == [("plan.md", b"Tea at four.")]

    @pytest.mark.parametrize(("status", "code"), [(403, 50013), (413, 40005)])
    async def test_of_a_file_that_is_not_taken_is_refused(self, server, adapter, status, code):
        server.fail("POST", MESSAGES, status, body={"message": "No.", "code": code})
        item = replace(make_item(CHANNEL_ID), file=AnswerFile(name="plan.md", content=b"Tea."))
        with pytest.raises(DeliveryRefused):
            await adapter.send(item, "The plan.", 0)

    async def test_leaves_a_long_wait_to_the_outbox(self, server, adapter):
        body = {"message": "slow down", "retry_after": 64.0, "global": False}
        server.fail("POST", MESSAGES, 429, Via="1.1 google", body=body)
        with pytest.raises(DeliveryDelayed) as delayed:
            await adapter.send(make_item(CHANNEL_ID), "Hello", 0)
        assert delayed.value.retry_after_seconds == 64.0

    async def test_is_delayed_by_a_429_without_via_for_as_long_as_it_says(self, server, adapter):
        server.fail("POST", MESSAGES, 429, Retry_After="7")
        with pytest.raises(DeliveryDelayed) as delayed:
            await adapter.send(make_item(CHANNEL_ID), "Hello", 0)
        assert delayed.value.retry_after_seconds == 7.0
        await adapter.send(make_item(CHANNEL_ID), "Hello", 0)
        assert server.sent() == ["Hello"]

    async def test_is_delayed_by_a_503(self, server, adapter):
        server.fail("POST", MESSAGES, 503)
        with pytest.raises(DeliveryDelayed, match="503"):
            await adapter.send(make_item(CHANNEL_ID), "Hello", 0)
        await adapter.send(make_item(CHANNEL_ID), "Hello", 0)
        assert server.sent() == ["Hello"]

    async def test_whose_response_was_lost_is_repeated_without_a_second_message(
        self, server, adapter
    ):
        item = make_item(CHANNEL_ID)
        server.lose_response("POST", MESSAGES)
        with pytest.raises(DeliveryDelayed, match="reached"):
            await adapter.send(item, "Hello", 0)
        reference = await adapter.send(item, "Hello", 0)
        assert server.sent() == ["Hello"]
        assert reference == server.messages[CHANNEL_ID][0]["id"]

    async def test_while_the_server_is_away_is_delayed(self, server, adapter):
        await server.stop()
        with pytest.raises(DeliveryDelayed):
            await adapter.send(make_item(CHANNEL_ID), "Hello", 0)

    async def test_of_what_discord_forbids_is_refused(self, server, adapter):
        server.fail("POST", MESSAGES, 403, body={"code": 50013, "message": "Missing Permissions"})
        with pytest.raises(DeliveryRefused, match="50013"):
            await adapter.send(make_item(CHANNEL_ID), "Hello", 0)


class TestLimits:
    async def test_of_all_requests_are_kept_however_many_write_at_once(self, server, adapter):
        for number in range(60):
            adapter._typing.heard(1000 + number)
        await server.until(lambda: str(server.arrivals).count("/typing") == 60)
        every = DISCORD[0]
        assert 40 < every.used(server.arrivals) <= every.most


class TestCommandsOnTheWire:
    async def test_whose_asker_is_gone_do_no_harm(self, server, adapter, inbox, caplog):
        caplog.set_level(logging.INFO, logger="bots")
        server.fail("POST", "/interactions/", 404, times=2)
        new = next(command for command in server.commands if command["name"] == "new")
        await server.interact(2, {"id": new["id"], "name": "new", "type": 1})
        await until(lambda: "The asker is gone" in caplog.text)
        await server.say_directly("still there?")
        await inbox.has(1)

    async def test_are_acknowledged_before_the_work_is_done(self, server, adapter, runner):
        working = asyncio.Event()
        run = runner.run

        async def slow(request):
            await working.wait()
            return await run(request)

        runner.run = slow
        new = next(command for command in server.commands if command["name"] == "new")
        await server.interact(2, {"id": new["id"], "name": "new", "type": 1})
        await server.until(lambda: server.callbacks)
        assert server.callbacks[0]["type"] == 5
        assert server.callbacks[0]["data"]["flags"] == discord.MessageFlags(ephemeral=True).value
        assert server.followups == []
        working.set()
        await server.until(lambda: server.followups)
        assert server.followups[0]["content"] == "Done, and only you see it."

    @pytest.mark.behaviour("command.asker-only", "discord")
    async def test_offer_buttons_that_only_the_asker_may_press(self, server, adapter, runner):
        runner.answer = CommandAnswer(text="Sure?", confirm="Erase")
        new = next(command for command in server.commands if command["name"] == "new")
        await server.interact(2, {"id": new["id"], "name": "new", "type": 1}, user="7")
        await server.until(lambda: server.followups)
        [row] = server.followups[0]["components"]
        pressed = {"custom_id": row["components"][0]["custom_id"], "component_type": 2}
        message = server._message(CHANNEL_ID, "Sure?", {"id": BOT_ID, "username": "membot"})
        await server.interact(3, pressed, user="8", message=message)
        await server.until(lambda: len(server.callbacks) == 2)
        assert "Only the person" in server.callbacks[1]["data"]["content"]
        await server.interact(3, pressed, user="7", message=message)
        await server.until(lambda: len(server.followups) == 2)
        assert [request.confirmed for request in runner.requests] == [False, True]
        assert runner.requests[1].scope.agent_id == f"discord:{GUILD_ID}/channel/{CHANNEL_ID}"
