"""A tool's schema comes from its function; bad calls become results that the model can read."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from engine.chat_model import ToolCall
from engine.errors import ModelMistake
from engine.memory_tools import memory_tools
from engine.tools import Toolbox, make_tool
from tests.engine.builders import ADA, dm_scope, room_scope

CONTEXT = SimpleNamespace(scope=dm_scope(), people={ADA})
IN_A_ROOM = SimpleNamespace(scope=room_scope(), people={ADA})


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

    def test_holds_the_functions_of_memgpt(self):
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
        result = await toolbox.run(call({"name": "Ada", "request_heartbeat": True}), CONTEXT)
        assert (result.ok, result.message, result.heartbeat) == (True, "Hello Ada.", True)

    async def test_takes_a_number_written_as_text_or_null(self, toolbox):
        two = await toolbox.run(call({"name": "Ada", "times": "2"}), CONTEXT)
        none = await toolbox.run(call({"name": "Ada", "times": None}), CONTEXT)
        assert (two.message, none.message) == ("Hello Ada. Hello Ada.", "Hello Ada.")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ("{not json", "not valid JSON"),
            ("[1]", "one JSON object"),
            ("[" * 100_000, "not valid JSON"),
            ({}, "name: field required"),
            ({"name": "Ada", "colour": "red"}, "colour: extra inputs are not permitted"),
            ({"name": "Ada", "times": "many"}, "times: input should be a valid integer"),
            ({"name": "nobody"}, "Name somebody."),
        ],
    )
    async def test_a_bad_call_is_a_failed_result(self, toolbox, arguments, words):
        result = await toolbox.run(call(arguments), CONTEXT)
        assert not result.ok
        assert words in result.message

    async def test_an_unknown_tool_is_a_failed_result_that_names_the_known(self, toolbox):
        result = await toolbox.run(call({}, name="sing"), CONTEXT)
        assert not result.ok
        assert "greet" in result.message

    async def test_a_tool_that_does_not_chain_ignores_a_heartbeat(self):
        toolbox = Toolbox([make_tool(greet, chains=False)])
        result = await toolbox.run(call({"name": "Ada", "request_heartbeat": True}), CONTEXT)
        assert (result.ok, result.heartbeat) == (True, False)


class TestWhereAndForWhom:
    """Which tools there are depends on the place, whether they work on who speaks."""

    def offered(self, toolbox, scope):
        return [spec.name for spec in toolbox.specs_for(scope.agent_id)]

    async def test_a_tool_is_offered_and_works_only_at_its_places(self):
        toolbox = Toolbox([replace(make_tool(greet), places=("console:local/channel/*",))])
        assert self.offered(toolbox, room_scope()) == ["greet"]
        assert self.offered(toolbox, dm_scope()) == []
        assert (await toolbox.run(call({"name": "Ada"}), IN_A_ROOM)).ok
        refused = await toolbox.run(call({"name": "Ada"}), CONTEXT)
        assert (refused.ok, refused.message) == (False, "There is no tool 'greet'. Tools: .")

    async def test_a_tool_of_admins_is_offered_to_all_and_works_for_admins(self):
        tools = [replace(make_tool(greet), admins_only=True)]
        for admins, works in (((), False), ((ADA,), True), (("console:*/ada",), True)):
            toolbox = Toolbox(tools, admins=admins)
            assert self.offered(toolbox, dm_scope()) == ["greet"]
            result = await toolbox.run(call({"name": "Ada"}), CONTEXT)
            assert result.ok is works
        refused = await Toolbox(tools).run(call({"name": "Ada"}), CONTEXT)
        assert "Only an admin" in refused.message

    def test_what_would_crowd_out_the_conversation_is_left_out(self, caplog):
        async def tell(context) -> str:
            """Tell something."""

        first, last = make_tool(greet), make_tool(tell)
        toolbox = Toolbox([], room_chars=first.chars + last.chars - 1)
        toolbox.offer("own", [first, last])
        assert self.offered(toolbox, dm_scope()) == ["greet"]
        assert "tell is left out" in caplog.text

    def test_a_source_may_come_later_and_keeps_its_place(self):
        async def sing(context) -> str:
            """Sing."""

        async def dance(context) -> str:
            """Dance."""

        toolbox = Toolbox([make_tool(greet)])
        toolbox.offer("a", [])
        toolbox.offer("b", [make_tool(dance)])
        toolbox.offer("a", [make_tool(sing), make_tool(greet), make_tool(sing)])
        assert self.offered(toolbox, dm_scope()) == ["greet", "sing", "dance"]
        assert toolbox.specs_for("x") == toolbox.specs_for("y")
