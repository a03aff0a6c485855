"""``membot run`` from outside: platforms on loopback, signals, kills, one platform failing."""

import asyncio
import signal
import time

import aiohttp
import pytest

from tests.bots.processes import environment, free_port, is_one_plain_sentence, membot, running
from tests.engine.files import docx
from tests.fixtures.discord_server import DiscordServer
from tests.fixtures.model_server import ModelServer, hanging
from tests.fixtures.slack_server import BOT_TOKEN, Fault, SlackServer


@pytest.fixture
async def slack():
    async with SlackServer() as server:
        server.epoch = int(time.time())  # what is older than retention allows goes at the start
        yield server


@pytest.fixture
async def model():
    async with ModelServer() as server:
        yield server


def slack_settings(slack, model, port="off"):
    listen = port if port == "off" else f"127.0.0.1:{port}"
    return {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_APP_TOKEN": "xapp-1",
        "SLACK_API_BASE_URL": slack.base_url,
        "OPENAI_BASE_URL": model.url,
        "MEMBOT_WEB_LISTEN": listen,
    }


async def connected(slack):
    await slack.until(lambda: slack.connections, seconds=30)


async def tell(slack, text):
    await slack.push("events_api", slack.event(slack.message(text)))


async def end(process):
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(25):
        await process.wait()
    return process.returncode


class TestServing:
    async def test_a_message_is_answered_and_sigterm_ends_it_cleanly(self, tmp_path, slack, model):
        async with running(tmp_path, "run", **slack_settings(slack, model)) as process:
            await connected(slack)
            await tell(slack, "hello")
            await slack.until(lambda: slack.posted, seconds=30)
            assert await end(process) == 0
            log = (await process.stderr.read()).decode()
        assert "turn finished" in log
        assert "hello" not in log
        assert "xoxb" not in log

    async def test_ready_only_while_everything_is_connected(self, tmp_path, slack, model):
        port = free_port()
        settings = slack_settings(slack, model, port)
        async with running(tmp_path, "run", **settings) as process, aiohttp.ClientSession() as http:
            await connected(slack)
            await _status(http, port, "/readyz", 200)
            await _status(http, port, "/metrics", 200)
            await slack.stop()
            await _status(http, port, "/readyz", 503)
            await _status(http, port, "/healthz", 200)
            assert await end(process) == 0

    async def test_one_platform_that_fails_does_not_touch_the_other(self, tmp_path, slack, model):
        refusing = DiscordServer()
        await refusing.start()
        settings = {
            **slack_settings(slack, model),
            "DISCORD_TOKEN": "wrong",
            "DISCORD_API_BASE_URL": refusing.api_base_url,
            "DISCORD_GATEWAY_URL": refusing.gateway_url,
        }
        async with running(tmp_path, "run", **settings) as process:
            await connected(slack)
            await tell(slack, "hello")
            await slack.until(lambda: slack.posted, seconds=30)
            assert await end(process) == 0
            log = (await process.stderr.read()).decode()
        await refusing.stop()
        assert "DISCORD_TOKEN" in log
        assert "Traceback" not in log


class TestKills:
    async def test_a_kill_during_the_model_call_is_answered_once(self, tmp_path, slack, model):
        model.script(hanging())
        settings = slack_settings(slack, model)
        async with running(tmp_path, "run", **settings) as process:
            await connected(slack)
            await tell(slack, "hello")
            await asyncio.wait_for(model.asked.wait(), 30)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        async with running(tmp_path, "run", **settings) as process:
            await slack.until(lambda: slack.posted, seconds=30)
            assert await end(process) == 0
        assert len(slack.posted) == 1

    async def test_an_answer_waits_for_the_platform(self, tmp_path, slack, model):
        slack.fail("chat.postMessage", Fault(status=503), times=3)
        async with running(tmp_path, "run", **slack_settings(slack, model)) as process:
            await connected(slack)
            await tell(slack, "hello")
            await slack.until(lambda: slack.posted, seconds=40)
            assert await end(process) == 0
        assert len(slack.posted) == 1

    async def test_a_turn_that_does_not_end_stops_within_the_time(self, tmp_path, slack, model):
        model.script(hanging())
        async with running(tmp_path, "run", **slack_settings(slack, model)) as process:
            await connected(slack)
            await tell(slack, "hello")
            await asyncio.wait_for(model.asked.wait(), 30)
            started = time.monotonic()
            assert await end(process) == 0
            assert time.monotonic() - started < 20


class TestRefusals:
    async def test_without_an_adapter(self, tmp_path):
        ended = await membot(tmp_path, "run")
        assert ended.code == 2
        assert is_one_plain_sentence(ended.err)
        for name in ("DISCORD_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
            assert name in ended.err

    async def test_open_to_other_machines_without_a_token(self, tmp_path):
        ended = await membot(tmp_path, "run", DISCORD_TOKEN="x", MEMBOT_WEB_LISTEN="0.0.0.0:8765")
        assert ended.code == 2
        assert "MEMBOT_WEB_TOKEN" in ended.err

    async def test_an_address_that_is_taken(self, tmp_path, slack, model):
        ended = await membot(tmp_path, "run", **slack_settings(slack, model, slack.port))
        assert ended.code == 2
        assert is_one_plain_sentence(ended.err)


async def _status(http, port, path, expected):
    """Ask until the status is as expected."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with http.get(f"http://127.0.0.1:{port}{path}") as response:
                    if response.status == expected:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)


def test_no_setting_of_ours_leaks_into_a_process():
    assert not [name for name in environment() if name.startswith(("DISCORD", "SLACK", "OPENAI"))]


class TestFiles:
    @pytest.mark.behaviour("how.files-in", "slack")
    async def test_one_sent_on_slack_is_read_beside_the_conversation(self, tmp_path, slack, model):
        slack.uploads["F1"] = b"# Kettle\nBoil fresh water.\n"
        file = {
            "name": "guide.md",
            "mimetype": "text/plain",
            "size": 27,
            "url_private": slack.file_url("F1"),
        }
        settings = {**slack_settings(slack, model), "SLACK_BOT_TOKEN": BOT_TOKEN}
        async with running(tmp_path, "run", **settings) as process:
            await connected(slack)
            message = slack.message("see this", subtype="file_share", files=[file])
            await slack.push("events_api", slack.event(message))
            await slack.until(lambda: len(slack.posted) > 1, seconds=30)
            assert await end(process) == 0
        listed = await membot(tmp_path, "documents", "slack:T1/user/U1")
        assert "guide.md" in listed.out
        assert "is now in archival memory as 1 passages" in str(model.requests[-1])
        assert "Outline: Kettle" in str(model.requests[-1])

    async def test_a_hostile_one_gets_a_sentence_and_the_bot_goes_on(self, tmp_path, slack, model):
        slack.uploads["F1"] = docx(("Normal", "x"), padding=201_000_000)
        file = {"name": "bomb.docx", "size": 9, "url_private": slack.file_url("F1")}
        settings = {**slack_settings(slack, model), "SLACK_BOT_TOKEN": BOT_TOKEN}
        async with running(tmp_path, "run", **settings) as process:
            await connected(slack)
            message = slack.message("see this", subtype="file_share", files=[file])
            await slack.push("events_api", slack.event(message))
            await slack.until(lambda: "unpacks to more than" in str(slack.posted), seconds=30)
            await tell(slack, "are you there?")
            await slack.until(lambda: len(slack.posted) > 2, seconds=30)
            assert await end(process) == 0
