"""Promise: a picture reaches a model that sees, and is a name to every other one and in memory."""

import base64
import json
from dataclasses import replace

import pytest

from engine.chat_model import Sight
from engine.config import ModelConfig
from engine.errors import DeliveryDelayed
from engine.openai_model import OpenAIChatModel
from engine.pictures import Pictures
from engine.testing import call
from storage.sqlite.store import SqliteStore
from tests.engine.builders import event
from tests.engine.conftest import memory as memory  # noqa: PLC0414 - the fixture
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture
from tests.engine.test_openai_model import REQUEST
from tests.fixtures import model_server as fake
from tests.fixtures.model_server import ModelServer
from tests.scenarios.test_documents import Shelf

PNG = b"\x89PNG\r\n\x1a\n picture"
URL = "data:image/png;base64," + base64.b64encode(PNG).decode()
SIGHTED = replace(REQUEST, sight=Sight(entry=REQUEST.messages[0], urls=(URL,)))


@pytest.fixture
def shelf(rig):
    shelf = Shelf()
    rig.pictures = Pictures(rig.store, shelf.fetch, 1_000)
    rig.start_engine()
    return shelf


class TestATurn:
    async def send(self, rig, *pictures, key="1"):
        rig.script(call("send_message", message="A cat."))
        sent = event("What is this?", key=key, attachments=pictures)
        acceptance = await rig.dispatcher.submit(sent)
        await rig.dispatcher.wait_turn(acceptance.turn_id)
        return rig.model.requests[-1]

    @pytest.mark.behaviour("how.pictures", "discord", "slack")
    async def test_shows_the_model_the_picture_of_the_message(self, rig, shelf):
        request = await self.send(rig, shelf.keep("cat.png", PNG, "image/png"))
        assert request.sight.urls == (URL,)
        assert request.sight.entry in request.messages

    async def test_keeps_no_more_of_it_than_its_name(self, rig, shelf):
        await self.send(rig, shelf.keep("cat.png", PNG, "image/png"))
        later = await self.send(rig, key="2")
        assert later.sight is None
        assert "cat.png" in "".join(later.messages)
        assert "base64" not in "".join(later.messages)

    @pytest.mark.parametrize(
        ("data", "kind"),
        [(PNG + b"x" * 1_000, "image/png"), (b"no picture", "image/png"), (PNG, "image/tiff")],
    )
    async def test_leaves_out_what_a_provider_would_refuse(self, rig, shelf, data, kind):
        assert (await self.send(rig, shelf.keep("cat.png", data, kind))).sight is None

    async def test_goes_on_when_the_platform_does_not_hand_it_over(self, rig, shelf):
        shelf.problems = [DeliveryDelayed("later")]
        request = await self.send(rig, shelf.keep("cat.png", PNG, "image/png"))
        assert request.sight is None
        assert "cat.png" in request.messages[-1]


class TestAModel:
    @pytest.fixture
    async def server(self):
        async with ModelServer() as running:
            yield running

    @pytest.fixture
    async def store(self, tmp_path):
        opened = await SqliteStore.open(tmp_path / "m.db", embedder=None, now=lambda: None)
        yield opened
        await opened.close()

    def model(self, server, store):
        return OpenAIChatModel(ModelConfig(model="fake", base_url=server.url), store)

    def contents(self, server):
        return [body["messages"][1]["content"] for body in server.requests]

    def refuses_pictures(self, server, code=None):
        def respond(body):
            seen = isinstance(body["messages"][1]["content"], list)
            return fake.error(400, code=code) if seen else fake.text("Hello")

        server.respond = respond

    async def test_that_sees_gets_it_beside_the_words(self, server, store):
        model = self.model(server, store)
        await model.complete(SIGHTED)
        words = json.loads(REQUEST.messages[0])["content"]
        assert self.contents(server) == [
            [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": URL}}]
        ]
        await model.close()

    async def test_that_refuses_is_told_and_not_asked_again_even_after_a_restart(
        self, server, store
    ):
        self.refuses_pictures(server)
        for _ in range(2):
            model = self.model(server, store)
            await model.warm_up()
            await model.complete(SIGHTED)
            await model.close()
        first, *rest = self.contents(server)
        assert isinstance(first, list)
        assert len(rest) == 2
        assert all("cannot see pictures" in content for content in rest)
        assert all("tools" in body for body in server.requests)

    async def test_that_refuses_one_broken_picture_is_shown_the_next(self, server, store):
        self.refuses_pictures(server, code="invalid_image_format")
        model = self.model(server, store)
        for _ in range(2):
            await model.complete(SIGHTED)
        assert [isinstance(content, list) for content in self.contents(server)] == [
            True,
            False,
            True,
            False,
        ]
        await model.close()
