"""The model over a real HTTP connection to a loopback server."""

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import stamina
from stamina import instrumentation

from engine.chat_model import ModelRequest, ToolSpec
from engine.circuit import Circuit
from engine.config import ModelConfig
from engine.errors import ContextOverflow, ModelUnavailable
from engine.events import assistant_payload
from engine.openai_model import OpenAIChatModel
from engine.openai_wire import read_answer
from engine.testing import FixedClock
from storage.sqlite.store import SqliteStore
from tests.fixtures import model_server as fake
from tests.fixtures.model_server import ModelServer

SECRET = "the-secret-diary-text"
SEND = ToolSpec(
    name="send_message",
    description="Say something.",
    parameters={
        "type": "object",
        "properties": {"message": {"type": "string", "description": "What is said."}},
        "required": ["message"],
        "additionalProperties": False,
    },
)
SEARCH = ToolSpec(
    name="conversation_search",
    description="Search.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string"}, "page": {"type": "integer"}},
        "required": ["query"],
        "additionalProperties": False,
    },
)
HI = '{"name": "send_message", "arguments": {"message": "hi"}}'


def entry(role: str, content: str | None, **more: object) -> str:
    return json.dumps({"role": role, "content": content, **more}, ensure_ascii=False)


def called(name: str, arguments: str, call_id: str = "c1") -> str:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return entry("assistant", None, tool_calls=[call])


REQUEST = ModelRequest(
    purpose="turn",
    system="You are membot.",
    messages=(entry("user", f"Hello, {SECRET}"),),
    tools=(SEND, SEARCH),
    max_output_tokens=300,
)


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_backoff() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
async def make_model(server: ModelServer) -> AsyncIterator[object]:
    made: list[OpenAIChatModel] = []

    def make(**settings: object) -> OpenAIChatModel:
        config = ModelConfig(model="fake", base_url=server.url)
        clock = settings.pop("clock", lambda: 0.0)
        kept = settings.pop("kept", None)
        made.append(OpenAIChatModel(replace(config, **settings), kept, clock))
        return made[-1]

    yield make
    for model in made:
        await model.close()


class TestNativeCalls:
    async def test_come_back_as_the_model_wrote_them(self, server, make_model):
        server.script(
            fake.tool_calls(("conversation_search", {"query": "x"}), ("send_message", {"a": 1}))
        )
        reply = await make_model().complete(REQUEST)
        assert [(call.name, call.arguments) for call in reply.tool_calls] == [
            ("conversation_search", '{"query": "x"}'),
            ("send_message", '{"a": 1}'),
        ]
        assert [call.id for call in reply.tool_calls] == ["call_1", "call_2"]

    async def test_send_prefix_queue_and_tools(self, server, make_model):
        await make_model().complete(REQUEST)
        [body] = server.requests
        assert body["model"] == "fake"
        assert body["max_tokens"] == 300
        assert body["tool_choice"] == "auto"
        assert [tool["function"]["name"] for tool in body["tools"]] == [
            "send_message",
            "conversation_search",
        ]
        assert body["messages"][0] == {"role": "system", "content": "You are membot."}
        assert body["messages"][1] == json.loads(REQUEST.messages[0])

    async def test_text_is_text(self, server, make_model):
        server.script(fake.text("Hello, I would send_message you."))
        reply = await make_model().complete(REQUEST)
        assert (reply.content, reply.tool_calls) == ("Hello, I would send_message you.", ())

    async def test_usage_counts_cached_tokens_too(self, server, make_model):
        server.script(fake.text("hi", prompt_tokens=50, cached_tokens=40))
        usage = (await make_model().complete(REQUEST)).usage
        assert (usage.model, usage.purpose) == ("fake", "turn")
        assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (50, 40, 7)

    async def test_half_characters_do_not_come_in(self, server, make_model):
        server.script(
            fake.tool_calls(("send_message", {"message": "a\ud83d"})), fake.text("b\ud83d")
        )
        model = make_model()
        assert (await model.complete(REQUEST)).tool_calls[0].arguments == '{"message": "a?"}'
        assert (await model.complete(REQUEST)).content == "b?"

    async def test_can_be_made_ready_beforehand(self, server, make_model):
        model = make_model()
        await model.warm_up()
        client = model._client
        await model.complete(REQUEST)
        assert client is not None
        assert model._client is client


class TestPrefix:
    async def test_a_longer_queue_begins_with_every_byte_of_the_shorter_one(
        self, server, make_model
    ):
        model = make_model(tool_mode="native")
        await model.complete(REQUEST)
        longer = (*REQUEST.messages, called("send_message", "{}"), entry("user", "Zoë?"))
        await model.complete(replace(REQUEST, messages=longer))
        first, second = server.bodies
        assert second.startswith(first.removesuffix("]}"))

    async def test_the_same_holds_where_calls_are_json(self, server, make_model):
        model = make_model(tool_mode="json_schema")
        await model.complete(REQUEST)
        longer = (*REQUEST.messages, called("send_message", "{}"), entry("user", "Zoë?"))
        await model.complete(replace(REQUEST, messages=longer))
        first, second = server.bodies
        assert second.startswith(first.removesuffix("]}"))

    async def test_equal_requests_are_equal_bytes(self, server, make_model):
        await make_model().complete(REQUEST)
        await make_model().complete(REQUEST)
        assert server.bodies[0] == server.bodies[1]


class TestJsonSchemaMode:
    async def test_asks_for_one_object_out_of_the_tools(self, server, make_model):
        server.script(fake.text(HI))
        reply = await make_model(tool_mode="json_schema").complete(REQUEST)
        [body] = server.requests
        assert "tools" not in body
        variants = body["response_format"]["json_schema"]["schema"]["anyOf"]
        assert [item["properties"]["name"]["const"] for item in variants] == [
            "send_message",
            "conversation_search",
        ]
        assert "What is said." in body["messages"][0]["content"]
        assert [(call.name, call.arguments) for call in reply.tool_calls] == [
            ("send_message", '{"message": "hi"}')
        ]

    async def test_shows_calls_and_results_as_text(self, server, make_model):
        history = (
            *REQUEST.messages,
            called("send_message", '{"message": "hi"}'),
            entry("tool", '{"status": "OK"}', tool_call_id="c1"),
        )
        model = make_model(tool_mode="json_schema")
        await model.complete(replace(REQUEST, messages=history))
        assert server.requests[0]["messages"][2:] == [
            {"role": "assistant", "content": HI},
            {"role": "user", "content": '{"status": "OK"}'},
        ]

    async def test_a_thought_goes_with_its_call(self, server, make_model):
        thought = json.loads(HI) | {"thought": "a greeting"}
        server.script(fake.text(json.dumps(thought)))
        model = make_model(tool_mode="json_schema")
        reply = await model.complete(REQUEST)
        assert reply.content == "a greeting"
        answer = assistant_payload(reply.content, reply.tool_calls)
        await model.complete(replace(REQUEST, messages=(*REQUEST.messages, answer)))
        assert json.loads(server.requests[1]["messages"][-1]["content"]) == thought

    async def test_asks_for_steadiness_where_that_is_not_refused(self, server, make_model):
        model = make_model(tool_mode="json_schema")
        await model.complete(REQUEST)
        server.refuses["temperature"] = fake.error(400, "unsupported", param="temperature")
        await model.complete(REQUEST)
        await model.complete(REQUEST)
        given = ["temperature" in body for body in server.requests]
        assert given == [True, True, False, False]

    async def test_a_server_that_answers_prose_is_heard(self, server, make_model):
        server.script(fake.text("Just prose."))
        reply = await make_model(tool_mode="json_schema").complete(REQUEST)
        assert reply.content == "Just prose."

    async def test_a_plain_completion_has_no_schema(self, server, make_model):
        request = replace(REQUEST, tools=(), purpose="summary")
        server.script(fake.text(HI))
        reply = await make_model(tool_mode="json_schema").complete(request)
        assert "response_format" not in server.requests[0]
        assert reply.content == HI


class TestAutoMode:
    async def test_uses_the_salvaged_answer_and_asks_for_json_next(self, server, make_model):
        server.script(fake.text(f"```json\n{HI}\n```"), fake.text(HI))
        model = make_model()
        first = await model.complete(REQUEST)
        await model.complete(REQUEST)
        assert [call.name for call in first.tool_calls] == ["send_message"]
        assert "tools" in server.requests[0]
        assert "response_format" in server.requests[1]

    async def test_what_it_learned_outlives_the_process(self, server, make_model, tmp_path):
        server.script(fake.text(HI), fake.text(HI))
        store = await SqliteStore.open(tmp_path / "membot.db", embedder=None, now=FixedClock())
        await make_model(kept=store).complete(REQUEST)
        next_process = make_model(kept=store)
        await next_process.warm_up()
        await next_process.complete(REQUEST)
        await store.close()
        assert ["tools" in body for body in server.requests] == [True, False]
        assert next_process.tools_as_text

    async def test_the_wreck_of_a_call_is_asked_for_again_as_json(self, server, make_model):
        server.script(fake.text("<tools>\n</tools>"), fake.text(HI), fake.text("<tools></tools>"))
        model = make_model()
        assert (await model.complete(REQUEST)).tool_calls[0].name == "send_message"
        assert ["tools" in body for body in server.requests] == [True, False]
        wreck = await model.complete(REQUEST)
        assert (wreck.content, wreck.tool_calls) == (None, ())

    @pytest.mark.parametrize("status", [400, 404, 422, 501])
    async def test_turns_to_json_where_tools_are_refused_and_remembers(
        self, server, make_model, status
    ):
        server.refuses["tools"] = fake.error(status, "does not support tools")
        model = make_model()
        reply = await model.complete(REQUEST)
        await model.complete(REQUEST)
        assert reply.tool_calls[0].name == "send_message"
        assert ["tools" in body for body in server.requests] == [True, False, False]

    async def test_goes_back_to_native_where_json_is_refused(self, server, make_model):
        server.refuses["response_format"] = fake.error(400, "unknown field")
        server.respond = lambda _: fake.text(HI)
        model = make_model()
        replies = [await model.complete(REQUEST) for _ in range(4)]
        assert all(reply.tool_calls for reply in replies)
        kinds = ["tools" in body for body in server.requests]
        assert kinds == [True, False, True, True, True]

    async def test_only_describes_the_tools_where_both_are_refused(self, server, make_model):
        server.refuses["tools"] = fake.error(400)
        server.refuses["response_format"] = fake.error(400)
        server.respond = lambda _: fake.text(HI)
        model = make_model()
        assert (await model.complete(REQUEST)).tool_calls
        assert (await model.complete(REQUEST)).tool_calls
        assert len(server.requests) == 4
        assert "send_message" in server.requests[-1]["messages"][0]["content"]

    async def test_learns_per_model(self, server, make_model):
        server.script(fake.text(HI))
        model = make_model(background_model="other")
        await model.complete(REQUEST)
        await model.complete(replace(REQUEST, purpose="memory"))
        assert "tools" in server.requests[1]
        assert server.requests[1]["model"] == "other"

    async def test_a_refusal_that_helps_nowhere_teaches_nothing(self, server, make_model):
        refusals = [fake.error(400, "bad message")] * 3
        server.script(*refusals)
        model = make_model()
        with pytest.raises(ModelUnavailable):
            await model.complete(REQUEST)
        await model.complete(REQUEST)
        assert "tools" in server.requests[-1]

    @pytest.mark.parametrize("mode", ["native", "json_schema"])
    async def test_a_mode_that_was_set_stays(self, server, make_model, mode):
        server.respond = lambda _: fake.text(HI)
        model = make_model(tool_mode=mode)
        assert (await model.complete(REQUEST)).tool_calls
        assert (await model.complete(REQUEST)).tool_calls
        kinds = ["tools" in body for body in server.requests]
        assert kinds == [mode == "native"] * 2

    async def test_a_set_mode_that_is_refused_is_an_error(self, server, make_model):
        server.refuses["tools"] = fake.error(400)
        with pytest.raises(ModelUnavailable, match="MEMBOT_TOOL_MODE"):
            await make_model(tool_mode="native").complete(REQUEST)
        assert len(server.requests) == 1


class TestOutputLimit:
    async def test_is_named_anew_where_its_name_is_refused(self, server, make_model):
        server.refuses["max_tokens"] = fake.error(400, "unsupported", param="max_tokens")
        model = make_model()
        await model.complete(REQUEST)
        await model.complete(REQUEST)
        named = [
            [key for key in body if key in {"max_tokens", "max_completion_tokens"}]
            for body in server.requests
        ]
        assert named == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]
        assert all("tools" in body for body in server.requests)

    async def test_gives_up_when_both_names_are_refused(self, server, make_model):
        for name in ("max_tokens", "max_completion_tokens"):
            server.refuses[name] = fake.error(400, "unsupported", param=name)
        with pytest.raises(ModelUnavailable):
            await make_model().complete(REQUEST)
        assert len(server.requests) == 2


class TestRetries:
    @pytest.mark.parametrize(
        "trouble",
        [
            fake.busy(),
            fake.error(500),
            fake.error(503),
            fake.truncated(),
            fake.Answer(body="<html>not json"),
            fake.Answer(body="[1, 2]"),
            fake.Answer(body='{"choices": []}'),
            fake.Answer(body='{"error": {"code": 502}}'),
        ],
    )
    async def test_what_passes_is_tried_again(self, server, make_model, trouble):
        server.script(trouble, trouble)
        reply = await make_model().complete(REQUEST)
        assert reply.tool_calls[0].name == "send_message"
        assert len(server.requests) == 3

    @pytest.mark.parametrize("trouble", [fake.error(500), fake.Answer(body="nonsense")])
    async def test_are_bounded(self, server, make_model, trouble):
        server.script(*[trouble] * 9)
        with pytest.raises(ModelUnavailable):
            await make_model(max_attempts=3).complete(REQUEST)
        assert len(server.requests) == 3

    async def test_wait_as_long_as_the_server_asks(self, server, make_model):
        waits: list[float] = []
        instrumentation.set_on_retry_hooks([lambda details: waits.append(details.wait_for)])
        server.script(fake.busy("0.03"))
        with stamina.set_testing(False):
            await make_model().complete(REQUEST)
        instrumentation.set_on_retry_hooks(None)
        assert waits == [0.03]

    async def test_a_wish_of_an_hour_is_an_error_at_once(self, server, make_model):
        server.script(fake.busy("3600"))
        with pytest.raises(ModelUnavailable, match="overloaded"):
            await make_model().complete(REQUEST)
        assert len(server.requests) == 1

    async def test_a_wish_that_is_a_date_means_the_usual_wait(self, server, make_model):
        server.script(fake.busy("Sat, 21 Nov 2026 10:00:00 GMT"))
        assert (await make_model().complete(REQUEST)).tool_calls

    async def test_a_server_that_hangs_is_given_up(self, server, make_model):
        server.script(*[fake.hanging()] * 4)
        with pytest.raises(ModelUnavailable, match=r"too long|did not answer"):
            await make_model(timeout_seconds=0.05).complete(REQUEST)

    async def test_the_total_time_has_a_bound(self, server, make_model):
        server.respond = lambda _: fake.hanging()
        loop = asyncio.get_running_loop()
        started = loop.time()
        with (
            stamina.set_testing(True, attempts=50),
            pytest.raises(ModelUnavailable, match="within"),
        ):
            await make_model(timeout_seconds=0.2, max_attempts=50).complete(REQUEST)
        assert loop.time() - started < 2.0

    @pytest.mark.behaviour("when.stop", "discord", "slack", "terminal")
    async def test_a_cancelled_call_ends_at_once(self, server, make_model):
        server.script(fake.hanging())
        task = asyncio.create_task(make_model().complete(REQUEST))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(server.requests) == 1
        async with asyncio.timeout(2):
            await server.hung_up.wait()


class TestWhatTheOperatorReads:
    @pytest.mark.parametrize(
        ("answer", "advice"),
        [
            (fake.error(401), "OPENAI_API_KEY"),
            (fake.error(403), "OPENAI_API_KEY"),
            (fake.error(404, code="model_not_found"), "MEMBOT_MODEL"),
        ],
    )
    async def test_names_what_to_check(self, server, make_model, answer, advice):
        server.script(answer)
        with pytest.raises(ModelUnavailable, match=advice):
            await make_model().complete(REQUEST)
        assert len(server.requests) == 1

    async def test_a_wrong_address_names_the_base_url(self, make_model):
        model = make_model(base_url="http://127.0.0.1:1/v1", max_attempts=1)
        with pytest.raises(ModelUnavailable, match="OPENAI_BASE_URL"):
            await model.complete(REQUEST)

    async def test_a_password_in_the_address_is_not_shown(self, make_model):
        model = make_model(base_url="http://user:hunter2@127.0.0.1:1/v1", max_attempts=1)
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(REQUEST)
        assert "hunter2" not in str(caught.value)

    async def test_a_strange_shape_is_said(self, server, make_model):
        server.script(fake.Answer(body='{"choices": [{"text": "old style"}]}'))
        with pytest.raises(ModelUnavailable, match="shape"):
            await make_model().complete(REQUEST)

    async def test_nothing_people_wrote_is_in_errors_or_logs(self, server, make_model, caplog):
        caplog.set_level(logging.DEBUG)
        echo = fake.error(400, f"cannot handle: Hello, {SECRET}")
        server.script(fake.error(500, SECRET), *[echo] * 3, fake.truncated())
        model = make_model()
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(REQUEST)
        await model.complete(REQUEST)
        assert SECRET not in "".join(traceback.format_exception(caught.value))
        assert SECRET not in caplog.text
        loggers = {record.name.partition(".")[0] for record in caplog.records}
        assert not loggers & {"openai", "httpx2", "httpcore2"}
        assert not any(SECRET in repr(vars(record)) for record in caplog.records)

    async def test_the_key_travels_and_is_none_without_one(self, server, make_model):
        await make_model(api_key="k-1").complete(REQUEST)
        await make_model().complete(REQUEST)
        sent = [headers["Authorization"] for headers in server.headers]
        assert sent == ["Bearer k-1", "Bearer none"]


class TestContextOverflow:
    @pytest.mark.parametrize(
        "answer",
        [
            fake.overflow(),
            fake.error(400, "This model's maximum context length is 4096 tokens."),
            fake.error(400, "the request exceeds the available context size."),
            fake.error(413, "prompt is too long: 210000 tokens > 200000 maximum"),
            fake.Answer(
                status=500,
                body='{"error": {"type": "exceed_context_size_error", "message": "x"}}',
            ),
        ],
    )
    async def test_is_told_apart_in_every_wording(self, server, make_model, answer):
        server.script(answer)
        with pytest.raises(ContextOverflow):
            await make_model().complete(REQUEST)
        assert len(server.requests) == 1

    async def test_does_not_open_the_circuit(self, server, make_model):
        server.script(*[fake.overflow()] * 8)
        model = make_model()
        for _ in range(8):
            with pytest.raises(ContextOverflow):
                await model.complete(REQUEST)
        assert (await model.complete(REQUEST)).tool_calls


class TestCircuitBreaker:
    async def test_refuses_at_once_after_failures_in_a_row_and_tries_again_later(
        self, server, make_model
    ):
        seconds = [0.0]
        model = make_model(clock=lambda: seconds[0], max_attempts=1)
        server.script(*[fake.error(500)] * 5)
        for _ in range(7):
            with pytest.raises(ModelUnavailable):
                await model.complete(REQUEST)
        assert len(server.requests) == 5
        seconds[0] = 31.0
        assert (await model.complete(REQUEST)).tool_calls
        assert (await model.complete(REQUEST)).tool_calls

    def test_lets_one_try_through_after_the_rest(self):
        seconds = [0.0]
        circuit = Circuit(lambda: seconds[0], failures=1, rest_seconds=10.0)
        circuit.failed()
        assert not circuit.allows()
        seconds[0] = 10.0
        assert [circuit.allows(), circuit.allows()] == [True, False]
        circuit.succeeded()
        assert circuit.allows()

    def test_a_success_in_between_starts_the_count_anew(self):
        circuit = Circuit(lambda: 0.0, failures=2)
        circuit.failed()
        circuit.succeeded()
        circuit.failed()
        assert circuit.allows()


class TestReadingAnswers:
    def test_calls_of_one_answer_can_be_told_apart(self):
        function = {"name": "send_message", "arguments": "{}"}
        made = [{"id": name, "function": function} for name in ("a", "a", "b" * 500, "c")]
        answer = read_answer({"choices": [{"message": {"tool_calls": made}}]}, REQUEST, "m")
        ids = [call.id for call in answer.reply.tool_calls]
        assert (ids[0], ids[3], len(set(ids))) == ("a", "c", 4)
        assert max(map(len, ids)) <= 64

    def read(self, message: object):
        answer = read_answer({"choices": [{"message": message}]}, REQUEST, "m")
        assert answer is not None
        return answer.reply

    def test_thoughts_are_not_told(self):
        assert self.read({"content": "<think>hm\nhm</think>\n\nHello"}).content == "Hello"

    def test_content_in_parts_is_joined(self):
        parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}, {"type": "x"}]
        assert self.read({"content": parts}).content == "Hello"

    def test_a_refusal_is_told(self):
        assert self.read({"content": None, "refusal": "I can't."}).content == "I can't."

    def test_empty_content_is_none(self):
        assert self.read({"content": "  "}).content is None

    def test_arguments_may_be_an_object_and_ids_may_be_missing(self):
        calls = [{"function": {"name": "send_message", "arguments": {"message": "hi"}}}]
        [call] = self.read({"content": None, "tool_calls": calls}).tool_calls
        assert json.loads(call.arguments) == {"message": "hi"}
        assert call.id.startswith("call_")

    def test_broken_calls_are_passed_over(self):
        calls = [None, {}, {"function": {"name": 3}}]
        assert self.read({"content": "hi", "tool_calls": calls}).tool_calls == ()

    @pytest.mark.parametrize(
        "body", [{}, {"choices": None}, {"choices": ["x"]}, {"choices": [{"message": "x"}]}]
    )
    def test_other_shapes_are_none(self, body):
        assert read_answer(body, REQUEST, "m") is None

    @pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": None}, {"prompt_tokens": "5"}])
    def test_missing_usage_is_zero(self, usage):
        body = {"choices": [{"message": {"content": "hi"}}], "usage": usage}
        answer = read_answer(body, REQUEST, "m")
        assert answer is not None
        assert answer.reply.usage.input_tokens == 0
