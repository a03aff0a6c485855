"""What the web listener answers, and to whom."""

import aiohttp
import pytest
from aiohttp import web

from bots.observing import Metrics
from bots.settings import WebAddress
from bots.web.server import WebListener, WebParts
from engine.errors import BadSettings, OperatorError, StoreUnavailable
from engine.hooks import Delivered, ModelCalled, TurnFinished


class Adapter:
    platform = "slack"
    connected = True


class Turns:
    broken = False

    async def agents_with_turns(self):
        if self.broken:
            raise StoreUnavailable("The disk is full.")


class Site:
    """A listener on a free port, with a client."""

    def __init__(self, *, token=None, mounts=()):
        self.adapter, self.turns, self.metrics = Adapter(), Turns(), Metrics()
        parts = WebParts(
            store=self.turns,
            adapters=(self.adapter,),
            metrics=self.metrics.text,
            token=token,
            mounts=mounts,
        )
        self.listener = WebListener(WebAddress("127.0.0.1", 0), parts)

    async def __aenter__(self):
        await self.listener.start()
        base = f"http://127.0.0.1:{self.listener.port}"
        self.client = aiohttp.ClientSession(base)
        return self

    async def __aexit__(self, *_):
        await self.client.close()
        await self.listener.close()

    async def get(self, path, **headers):
        async with self.client.get(path, headers=headers) as response:
            return response.status, await response.text(), response.headers


class TestHealth:
    async def test_a_living_process_is_healthy(self):
        async with Site() as site:
            assert (await site.get("/healthz"))[0] == 200

    async def test_ready_when_database_and_adapters_are_connected(self):
        async with Site() as site:
            assert (await site.get("/readyz"))[0] == 200

    async def test_not_ready_says_which_adapter_is_missing(self):
        async with Site() as site:
            site.adapter.connected = False
            status, text, _ = await site.get("/readyz")
            assert status == 503
            assert "slack is not connected" in text

    async def test_not_ready_says_what_is_wrong_with_the_database(self):
        async with Site() as site:
            site.turns.broken = True
            status, text, _ = await site.get("/readyz")
            assert status == 503
            assert "The disk is full." in text


class TestMetrics:
    async def test_counts_turns_calls_and_replies(self):
        async with Site() as site:
            for event in (
                TurnFinished(agent_id="a", turn_id="t", state="done", steps=2, seconds=0.5),
                ModelCalled(
                    agent_id="a",
                    model="m",
                    purpose="turn",
                    input_tokens=7,
                    cached_tokens=0,
                    output_tokens=3,
                    seconds=0.2,
                ),
                Delivered(platform="slack", state="sent", attempts=1, parts=1),
            ):
                site.metrics.hook(event)
            status, text, headers = await site.get("/metrics")
            assert status == 200
            assert headers["Content-Type"].startswith("text/plain")
            assert 'membot_turn_seconds_count{state="done"} 1.0' in text
            assert 'membot_tokens_total{kind="input",model="m",purpose="turn"} 7.0' in text
            assert 'membot_replies_total{platform="slack",state="sent"} 1.0' in text


class TestBeyondLoopback:
    def test_without_a_token_it_does_not_start(self):
        parts = WebParts(store=Turns(), adapters=(), metrics=lambda: b"")
        with pytest.raises(BadSettings, match="MEMBOT_WEB_TOKEN"):
            WebListener(WebAddress("0.0.0.0", 8765), parts)

    async def test_a_token_opens_what_is_not_for_everybody(self):
        async with Site(token="right") as site:
            # Seen from another machine; the test itself may only use loopback.
            site.listener._address = WebAddress("0.0.0.0", 8765)
            assert (await site.get("/healthz"))[0] == 200
            assert (await site.get("/readyz"))[0] == 200
            assert (await site.get("/metrics"))[0] == 401
            assert (await site.get("/"))[0] == 401
            assert (await site.get("/metrics", Authorization="Bearer wrong"))[0] == 401
            assert (await site.get("/metrics", Authorization="Bearer right"))[0] == 200


class TestPages:
    async def test_the_root_says_that_the_inspector_is_not_built_yet(self):
        async with Site() as site:
            status, text, headers = await site.get("/")
            assert status == 200
            assert "not built yet" in text
            assert headers["Content-Security-Policy"] == "default-src 'none'"

    async def test_an_adapter_can_mount_its_route(self):
        async def answer(_):
            return web.Response(text="from slack")

        def mount(application):
            application.router.add_post("/slack/events", answer)

        async with (
            Site(mounts=(mount,)) as site,
            site.client.post("/slack/events") as response,
        ):
            assert await response.text() == "from slack"

    async def test_a_taken_address_is_one_sentence(self):
        async with Site() as site:
            taken = WebAddress("127.0.0.1", site.listener.port)
            parts = WebParts(store=Turns(), adapters=(), metrics=lambda: b"")
            with pytest.raises(OperatorError, match="MEMBOT_WEB_LISTEN"):
                await WebListener(taken, parts).start()
