"""Tools of MCP servers, on real servers over both transports."""

import asyncio
import json
import logging
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import tests.fixtures
from engine.chat_model import ToolCall
from engine.mcp_servers import McpConnection, McpServer, McpServers
from engine.tools import Toolbox
from tests.engine.test_own_tools import CONTEXT

SERVER = Path(tests.fixtures.__file__).parent / "mcp_server.py"


def by_command(**changes):
    values = {
        "name": "weather",
        "command": (sys.executable, str(SERVER), "stdio"),
        "allow": ("*",),
        "places": ("*",),
        "seconds": 20,
    }
    return McpServer(**(values | changes))


class Served:
    """A connection that keeps its tools in a toolbox."""

    def __init__(self, server):
        self.toolbox = Toolbox([])
        self.arrivals = asyncio.Queue()
        self.connection = McpConnection(server, first_pause_seconds=0.05)

    def offer(self, source, tools):
        self.toolbox.offer(source, tools)
        self.arrivals.put_nowait(source)

    async def run(self, name, /, **arguments):
        call = ToolCall(id="c", name=f"weather_{name}", arguments=json.dumps(arguments))
        return await self.toolbox.run(call, CONTEXT)

    @property
    def specs(self):
        return {spec.name: spec for spec in self.toolbox.specs_for("anybody")}


@asynccontextmanager
async def connected(server):
    served = Served(server)
    task = asyncio.create_task(served.connection.run(served.offer))
    try:
        async with asyncio.timeout(60):
            await served.arrivals.get()
        yield served
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def start(port):
    """Starts the server at the port; whatever still runs at the end is ended."""
    started = []

    def begin(*key):
        command = [sys.executable, str(SERVER), "http", str(port), *key]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


class TestOverStandardInput:
    async def test_tools_have_the_servers_name_schema_and_a_heartbeat(self):
        async with connected(by_command(allow=("get_w*", "burn"))) as served:
            assert list(served.specs) == ["weather_get_weather", "weather_burn"]
            spec = served.specs["weather_get_weather"]
            assert spec.description == "Tell the weather."
            spot = spec.parameters["properties"]["spot"]
            assert spot["properties"]["city"] == {"type": "string"}
            assert spec.parameters["required"] == ["spot"]
            assert "request_heartbeat" in spec.parameters["properties"]

    async def test_a_call_gives_text_and_a_heartbeat(self):
        async with connected(by_command()) as served:
            result = await served.run(
                "get_weather", spot={"city": "Rome"}, days=3, request_heartbeat=True
            )
        assert (result.ok, result.message) == (True, "clear in Rome for 3 days")
        assert result.heartbeat

    async def test_what_the_server_refuses_is_a_failed_result(self):
        async with connected(by_command()) as served:
            wrong = await served.run("get_weather", town="Rome")
            burnt = await served.run("burn")
        assert not wrong.ok
        assert "spot" in wrong.message
        assert not burnt.ok
        assert burnt.message.startswith("burn failed: ")

    async def test_what_is_no_text_is_a_note_and_a_flood_is_cut(self):
        async with connected(by_command()) as served:
            picture = await served.run("get_picture")
            flood = await served.run("get_flood")
        assert picture.message == "a picture\n(image content, which cannot be shown.)"
        assert len(flood.message) == 1_000_000

    async def test_a_call_that_takes_too_long_is_given_up(self):
        async with connected(by_command(seconds=0.2)) as served:
            result = await served.run("get_slowly")
        assert not result.ok
        assert "no answer within 0.2 seconds" in result.message

    async def test_its_process_is_given_what_the_configuration_says_and_no_secrets(
        self, monkeypatch
    ):
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        async with connected(by_command(env={"CITY": "Rome"})) as served:
            assert (await served.run("get_environment", name="CITY")).message == "Rome"
            key = await served.run("get_environment", name="OPENAI_API_KEY")
        assert key.message == "nothing"

    async def test_a_server_that_dies_is_said_to_be_away_and_connected_to_again(self, caplog):
        async with connected(by_command()) as served:
            before = served.specs
            died = await served.run("die")
            assert (died.ok, died.message) == (
                False,
                "weather is not reachable right now; do without it.",
            )
            assert served.specs == before
            async with asyncio.timeout(60):
                await served.arrivals.get()
            again = await served.run("get_weather", spot={"city": "Rome"})
        assert again.ok

    async def test_a_command_that_is_not_there_is_tried_again_and_logged_by_kind(self, caplog):
        served = Served(by_command(command=("no-such-program-4711",)))
        with caplog.at_level(logging.INFO, logger="engine.mcp_servers"):
            task = asyncio.create_task(served.connection.run(served.offer))
            while caplog.text.count("FileNotFoundError") < 2:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait({task})
        assert "4711" not in caplog.text

    async def test_tools_that_ask_first_places_and_people_are_those_of_the_configuration(self):
        server = by_command(approve=("get_p*",), places=("slack:*",), admins_only=True)
        tools = await McpConnection(server).look()
        asking = [tool.spec.name for tool in tools if tool.asks_first]
        assert asking == ["weather_get_picture"]
        assert {(tool.places, tool.admins_only) for tool in tools} == {(("slack:*",), True)}

    async def test_what_should_ask_first_and_is_not_there_is_said(self, caplog):
        server = by_command(approve=("bern", "get_*"))
        told = "approve names bern, which is none of its tools."
        assert await McpServers([server]).look() == {"weather": told}
        async with connected(server) as served:
            assert "weather_burn" in served.specs
        assert told in caplog.text


class TestOverHttp:
    async def test_a_server_may_come_go_and_come_again(self, start, port):
        server = by_command(command=(), url=f"http://127.0.0.1:{port}/mcp")
        process = start()
        async with connected(server) as served:
            result = await served.run("get_weather", spot={"city": "Rome"})
            assert result.message == "clear in Rome for 1 days"
            process.kill()
            process.wait()
            away = await served.run("get_weather", spot={"city": "Rome"})
            assert "not reachable right now" in away.message
            start()
            async with asyncio.timeout(60):
                await served.arrivals.get()
            assert (await served.run("get_weather", spot={"city": "Rome"})).ok

    async def test_a_server_that_wants_a_key_gets_it_in_a_header(self, start, port):
        start("sesame")
        url = f"http://127.0.0.1:{port}/mcp"
        server = by_command(command=(), url=url, headers={"Authorization": "Bearer sesame"})
        async with connected(server) as served:
            assert (await served.run("get_weather", spot={"city": "Rome"})).ok
            stranger = await McpServers([by_command(command=(), url=url)]).look()
        assert isinstance(stranger["weather"], str)


class TestAHostileServer:
    """What a server says about its tools is bounded before it stands in a prompt."""

    def tool(self, **changes):
        from mcp.types import Tool

        values = {"name": "t", "input_schema": {"type": "object"}} | changes
        return McpConnection(by_command())._tool(Tool(**values))

    def test_cannot_fill_the_prompt_with_a_description(self):
        assert len(self.tool(description="x" * 100_000).spec.description) == 1000

    def test_cannot_fill_it_with_a_schema(self):
        fields = {f"field{number}": {"type": "string"} for number in range(1000)}
        assert self.tool(input_schema={"type": "object", "properties": fields}) is None

    def test_cannot_multiply_references(self):
        part = {f"p{n}": {"$ref": "#/$defs/P"} for n in range(100)}
        schema = {"properties": part, "$defs": {"P": {"type": "object", "properties": part}}}
        assert self.tool(input_schema=schema) is None

    def test_cannot_bring_half_characters(self):
        field = {"type": "string", "description": "half \ud800"}
        tool = self.tool(description="half \ud800", input_schema={"properties": {"a": field}})
        json.dumps([tool.spec.description, tool.spec.parameters], ensure_ascii=False).encode()

    def test_cannot_take_a_strange_name(self):
        name = self.tool(name="../*" * 40).spec.name
        assert name.startswith("weather__")
        assert len(name) == 64
