"""Promise: tools of MCP servers work like any other, and a dead server stops nobody."""

import asyncio
import json
import re
import sys

import pytest

from bots.adapter import CommandRequest
from bots.command_families import build_commands
from bots.conversation_commands import StatusInfo
from engine.mcp_servers import McpServers
from engine.testing import call
from tests.bots.processes import ROOT, finish, start
from tests.engine.builders import dm_scope
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture
from tests.engine.test_mcp_servers import by_command
from tests.fixtures.model_server import ModelServer, text

INFO = StatusInfo(model="m", is_demonstration=False, context_tokens=1000, version="1")


@pytest.fixture
def memory():
    return {}


class Served:
    """An engine with the weather server, whose arrivals can be waited for."""

    def __init__(self, rig):
        self.rig = rig
        self.servers = McpServers([by_command(approve=("burn",))])
        self.arrived = asyncio.Event()
        rig.attach_tools = self.attach
        rig.start_engine()

    def attach(self, offer):
        def offered(source, tools):
            offer(source, tools)
            if tools:
                self.arrived.set()

        self.servers.attach(offered)

    async def start(self):
        self.servers.start()
        async with asyncio.timeout(60):
            await self.arrived.wait()
        self.arrived.clear()


@pytest.fixture
async def served(rig):
    served = Served(rig)
    yield served
    await served.servers.close()


class TestAServer:
    async def test_is_not_waited_for_and_its_tools_are_there_when_it_is(self, served):
        await served.rig.answer("Hello")
        await served.start()
        served.rig.script(
            call("weather_get_weather", spot={"city": "Rome"}, request_heartbeat=True),
            call("send_message", message="It is clear."),
        )
        result = await served.rig.say("How is the weather in Rome?")
        assert result.replies == ("It is clear.",)
        assert "clear in Rome" in served.rig.model.requests[-1].messages[-1]
        names = [[spec.name for spec in it.tools] for it in served.rig.model.requests]
        assert "weather_get_weather" not in names[0]
        assert names[1] == names[2]
        assert names[1][: len(names[0])] == names[0]

    async def test_that_dies_leaves_the_prompt_as_it_is_and_the_model_goes_on(self, served):
        await served.start()
        served.rig.script(
            call("weather_die"),
            call("send_message", message="I can't look right now."),
        )
        result = await served.rig.say("How is the weather?")
        assert result.replies == ("I can't look right now.",)
        first, second = served.rig.model.requests
        assert "not reachable right now" in second.messages[-1]
        assert first.tools == second.tools
        async with asyncio.timeout(60):
            await served.arrived.wait()

    async def test_has_tools_that_wait_for_a_yes(self, served):
        await served.start()
        served.rig.script(call("weather_burn"))
        (notice,) = (await served.rig.say("Burn!")).replies
        approval_id = re.search("allows it, as `(\\w+)`", notice)[1]
        commands = build_commands(
            store=served.rig.store,
            inbox=served.rig.dispatcher,
            admins=frozenset(),
            now=served.rig.clock,
            info=INFO,
        )
        served.rig.script(call("send_message", message="It failed."))
        request = CommandRequest(
            command="approve",
            arguments={"id": approval_id},
            scope=dm_scope(),
            actor="console:local/ada",
            actor_name="Ada",
        )
        answer = await commands.run(request)
        await served.rig.dispatcher.wait_turn(answer.turn_id)
        assert "It was allowed, but failed" in served.rig.model.requests[-1].messages[-1]


async def test_a_chat_with_servers_starts_at_once_and_ends_cleanly(tmp_path):
    command = json.dumps([sys.executable, str(ROOT / "tests/fixtures/mcp_server.py"), "stdio"])
    (tmp_path / "membot.toml").write_text(
        f'[mcp.sky]\ncommand = {command}\nallow = ["*"]\n'
        '[mcp.gone]\nurl = "http://127.0.0.1:9/mcp"\nallow = ["*"]\n'
    )
    async with ModelServer() as server:
        server.respond = lambda body: text("Hello.")
        process = await start(tmp_path, "chat", OPENAI_BASE_URL=server.url)
        ended = await finish(process, "Hi\n")
    assert (ended.code, ended.out.strip()) == (0, "Hello.")
    assert "Traceback" not in ended.err
