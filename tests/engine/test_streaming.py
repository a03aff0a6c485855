"""Answers that are shown while they are written: over HTTP, and piece by piece."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chat_model import Watch
from engine.config import ModelConfig
from engine.openai_model import OpenAIChatModel
from engine.streaming import StreamedAnswer
from tests.engine.test_openai_model import HI, REQUEST, no_backoff
from tests.fixtures import model_server as fake
from tests.fixtures.model_server import ModelServer, chunks_of

__all__ = ["no_backoff"]


class Onlooker:
    def __init__(self):
        self.seen = []
        self.watch = Watch(tool="send_message", argument="message", show=self.seen.append)
        self.request = replace(REQUEST, watch=self.watch)


@pytest.fixture
def onlooker():
    return Onlooker()


@pytest.fixture
async def server():
    async with ModelServer() as running:
        yield running


@pytest.fixture
async def model(server):
    made = OpenAIChatModel(ModelConfig(model="fake", base_url=server.url), None, lambda: 0.0)
    yield made
    await made.close()


def seen_of(answer, chars=3):
    onlooker = Onlooker()
    streamed = StreamedAnswer(onlooker.watch)
    for chunk in chunks_of(answer, chars):
        streamed.add(chunk)
    return onlooker.seen, streamed


class TestOverHttp:
    async def test_the_message_is_shown_as_it_is_written(self, server, model, onlooker):
        server.script(fake.tool_calls(("send_message", {"message": "Hello, Ada!"})))
        reply = await model.complete(onlooker.request)
        assert onlooker.seen[0] != "Hello, Ada!"
        assert onlooker.seen[-1] == "Hello, Ada!"
        assert all("Hello, Ada!".startswith(text) for text in onlooker.seen)
        assert json.loads(reply.tool_calls[0].arguments) == {"message": "Hello, Ada!"}
        assert reply.usage.input_tokens == 100

    async def test_nobody_looking_on_means_no_stream(self, server, model):
        server.script(fake.text("hi"))
        await model.complete(REQUEST)
        assert "stream" not in server.requests[0]

    async def test_a_server_without_streams_answers_whole(self, server, model, onlooker):
        server.streams = False
        server.script(fake.tool_calls(("send_message", {"message": "Hello"})))
        reply = await model.complete(onlooker.request)
        assert reply.tool_calls[0].name == "send_message"
        assert onlooker.seen == []

    async def test_a_refusal_of_streams_is_remembered(self, server, model, onlooker):
        server.refuses["stream"] = fake.error(400, param="stream")
        for _ in range(2):
            await model.complete(onlooker.request)
        assert ["stream" in body for body in server.requests] == [True, False, False]
        assert "tools" in server.requests[-1]

    async def test_a_refusal_of_tools_leaves_the_stream(self, server, model, onlooker):
        server.refuses["tools"] = fake.error(400)
        server.respond = lambda _: fake.text(HI)
        await model.complete(onlooker.request)
        assert "stream" in server.requests[-1]
        assert onlooker.seen[-1] == "hi"

    async def test_a_stream_that_breaks_off_is_asked_for_again(self, server, model, onlooker):
        whole = fake.tool_calls(("send_message", {"message": "All of it."}))
        server.script(replace(whole, cut_after=5), whole)
        reply = await model.complete(onlooker.request)
        assert json.loads(reply.tool_calls[0].arguments) == {"message": "All of it."}
        assert len(server.requests) == 2

    async def test_an_error_within_a_stream_is_asked_again(self, server, model, onlooker):
        broken = fake.Answer(
            body='data: {"error": {"message": "overloaded"}}\n\n',
            headers={"Content-Type": "text/event-stream"},
        )
        server.script(broken, fake.tool_calls(("send_message", {"message": "Hello"})))
        server.streams = False
        reply = await model.complete(onlooker.request)
        assert reply.tool_calls[0].name == "send_message"


class TestWhatIsShown:
    def test_only_of_the_first_call(self):
        seen, _ = seen_of(fake.tool_calls(("archival", {}), ("send_message", {"message": "no"})))
        assert seen == []

    def test_never_plain_text(self):
        assert seen_of(fake.text('Say {"message": "no"} to it'))[0] == []

    @pytest.mark.parametrize(
        "text",
        [
            HI,
            '{"thought": "Say \\"hi\\".", "name": "send_message", "arguments": {"message": "hi"}}',
            "```json\n" + HI + "\n```",
        ],
    )
    def test_calls_that_are_written_as_text(self, text):
        assert seen_of(fake.text(text))[0][-1] == "hi"

    def test_another_call_written_as_text_is_not(self):
        text = '{"name": "archival_memory_insert", "arguments": {"message": "hi"}}'
        assert seen_of(fake.text(text))[0] == []

    def test_several_calls_that_a_server_numbers_alike(self):
        streamed = StreamedAnswer(Onlooker().watch)
        for name in ("a", "b"):
            call = {"index": 0, "id": name, "function": {"name": name, "arguments": {"x": 1}}}
            streamed.add({"choices": [{"delta": {"tool_calls": [call]}}]})
        [choice] = streamed.body["choices"]
        functions = [call["function"] for call in choice["message"]["tool_calls"]]
        assert functions == [
            {"name": "a", "arguments": '{"x": 1}'},
            {"name": "b", "arguments": '{"x": 1}'},
        ]

    @pytest.mark.parametrize(
        "chunk", [None, [], {}, {"choices": [None]}, {"choices": [{"delta": {"tool_calls": [1]}}]}]
    )
    def test_chunks_of_no_known_shape_say_nothing(self, chunk):
        streamed = StreamedAnswer(Onlooker().watch)
        streamed.add(chunk)
        assert not streamed.finished


def test_a_long_text_is_not_read_again_for_each_of_its_chunks():
    text = "word " * 4_000
    seen, _ = seen_of(fake.tool_calls(("send_message", {"message": text})))
    assert seen[-1] == text
    assert len(seen) < 500 < len(text) / 3


@given(text=st.text(max_size=60), chars=st.integers(1, 7), ascii_only=st.booleans())
def test_any_text_grows_to_what_was_written(text, chars, ascii_only):
    answer = fake.tool_calls(("send_message", {"message": text}))
    if not ascii_only:
        arguments = json.dumps({"message": text}, ensure_ascii=False)
        call = {"id": "c", "function": {"name": "send_message", "arguments": arguments}}
        answer = fake.completion({"content": None, "tool_calls": [call]})
    seen, streamed = seen_of(answer, chars)
    assert streamed.finished
    assert seen[-1:] == ([text] if text else [])
    assert all(text.startswith(shown) for shown in seen)
