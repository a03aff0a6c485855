"""Files of messages: taken from the platform's own hosts, within a bound, and nowhere else."""

import aiohttp
import pytest
from aiohttp import web

from bots.discord_bot.attachments import fetch_attachment
from bots.downloads import download
from bots.slack_bot.calls import SlackCalls
from engine.errors import BadRequest, DeliveryDelayed
from tests.fixtures.slack_server import BOT_TOKEN, SlackServer


class Host:
    """A place on this machine that keeps files and sometimes misbehaves."""

    def __init__(self):
        self.asked = []
        self.url = ""

    async def file(self, request):
        self.asked.append(request.headers)
        return web.Response(body=b"zebra")

    async def endless(self, request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(100_000))

    async def answer(self, request):
        status = int(request.match_info["status"])
        headers = {"Location": f"{self.url}/file"} if status == 302 else {}
        return web.Response(status=status, headers=headers)


@pytest.fixture
async def host():
    host, app = Host(), web.Application()
    app.router.add_get("/file", host.file)
    app.router.add_get("/endless", host.endless)
    app.router.add_get("/status/{status}", host.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield host
    await runner.cleanup()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


class TestDownload:
    async def test_gives_the_bytes(self, host, session):
        assert await download(session, f"{host.url}/file", 5) == b"zebra"

    async def test_takes_no_more_than_the_limit_however_much_comes(self, host, session):
        with pytest.raises(BadRequest, match="larger than 1 MB"):
            await download(session, f"{host.url}/endless", 1_000_000)

    async def test_follows_nobody_elsewhere(self, host, session):
        with pytest.raises(BadRequest):
            await download(session, f"{host.url}/status/302", 9, headers={"Authorization": "x"})
        assert host.asked == []

    @pytest.mark.parametrize("status", [401, 403, 404, 410])
    async def test_what_is_not_for_us_is_refused(self, host, session, status):
        with pytest.raises(BadRequest, match="send it again"):
            await download(session, f"{host.url}/status/{status}", 9)

    @pytest.mark.parametrize("status", [429, 500, 503])
    async def test_what_fails_now_may_come_later(self, host, session, status):
        with pytest.raises(DeliveryDelayed):
            await download(session, f"{host.url}/status/{status}", 9)


class TestDiscordsFiles:
    async def test_come_from_where_the_settings_say_too(self, host):
        assert await fetch_attachment(f"{host.url}/file", 9, f"{host.url}/api/v10") == b"zebra"

    async def test_come_from_nowhere_else(self, host):
        for base in (None, "http://discord.test/api/v10"):
            with pytest.raises(BadRequest, match="not kept by Discord"):
                await fetch_attachment(f"{host.url}/file", 9, base)
        assert host.asked == []


class TestSlacksFiles:
    async def test_come_from_slack_alone_with_the_token_and_within_the_limit(self):
        async with SlackServer() as slack:
            calls = SlackCalls(BOT_TOKEN, slack.base_url)
            slack.uploads["F1"] = b"zebra"
            assert await calls.fetch_file(slack.file_url("F1"), 9) == b"zebra"
            with pytest.raises(BadRequest, match="not kept by Slack"):
                await calls.fetch_file("https://evil.test/F1", 9)
            with pytest.raises(BadRequest, match="larger"):
                await calls.fetch_file(slack.file_url("F1"), 2)
            await calls.close()
