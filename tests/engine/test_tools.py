"""A tool's schema comes from its function; bad calls become results that the model can read."""

import json

import pytest

from engine.chat_model import ToolCall
from engine.errors import ModelMistake
from engine.memory_tools import memory_tools
from engine.tools import Toolbox, make_tool


async def greet(context, name: str, times: int | None = 1) -> str:
    """Say hello.

    Args:
        name: Who is greeted,
            by first name.
        times: How often.
    """
    if name == "nobody":
        raise ModelMistake("Name somebody.")
    return " ".join([f"Hello {name}."] * (times or 1))


def call(arguments, name="greet"):
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall(id="c1", name=name, arguments=text)


@pytest.fixture
def toolbox():
    return Toolbox([make_tool(greet)])


class TestSchema:
    def test_describes_function_and_arguments(self):
        spec = make_tool(greet).spec
        assert spec.description == "Say hello."
        assert spec.parameters["properties"]["name"]["description"] == (
            "Who is greeted, by first name."
        )
        assert spec.parameters["required"] == ["name"]

    def test_offers_a_heartbeat_only_where_a_tool_chains(self):
        assert "request_heartbeat" in make_tool(greet).spec.parameters["properties"]
        silent = make_tool(greet, chains=False).spec.parameters["properties"]
        assert "request_heartbeat" not in silent

    def test_holds_the_eleven_functions_of_memgpt(self):
        assert sorted(tool.spec.name for tool in memory_tools()) == [
            "archival_memory_insert",
            "archival_memory_search",
            "conversation_search",
            "conversation_search_date",
            "core_memory_append",
            "core_memory_replace",
            "finish_rethinking_memory",
            "pause_heartbeats",
            "rethink_memory",
            "rethink_user_memory",
            "send_message",
        ]


class TestRunning:
    async def test_gives_the_result_and_the_heartbeat(self, toolbox):
        result = await toolbox.run(call({"name": "Ada", "request_heartbeat": True}), None)
        assert (result.ok, result.message, result.heartbeat) == (True, "Hello Ada.", True)

    async def test_takes_a_number_written_as_text_or_null(self, toolbox):
        two = await toolbox.run(call({"name": "Ada", "times": "2"}), None)
        none = await toolbox.run(call({"name": "Ada", "times": None}), None)
        assert (two.message, none.message) == ("Hello Ada. Hello Ada.", "Hello Ada.")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ("{not json", "not valid JSON"),
            ("[1]", "one JSON object"),
            ({}, "name: field required"),
            ({"name": "Ada", "colour": "red"}, "colour: extra inputs are not permitted"),
            ({"name": "Ada", "times": "many"}, "times: input should be a valid integer"),
            ({"name": "nobody"}, "Name somebody."),
        ],
    )
    async def test_a_bad_call_is_a_failed_result(self, toolbox, arguments, words):
        result = await toolbox.run(call(arguments), None)
        assert not result.ok
        assert words in result.message

    async def test_an_unknown_tool_is_a_failed_result_that_names_the_known(self, toolbox):
        result = await toolbox.run(call({}, name="sing"), None)
        assert not result.ok
        assert "greet" in result.message

    async def test_a_tool_that_does_not_chain_ignores_a_heartbeat(self):
        toolbox = Toolbox([make_tool(greet, chains=False)])
        result = await toolbox.run(call({"name": "Ada", "request_heartbeat": True}), None)
        assert (result.ok, result.heartbeat) == (True, False)
