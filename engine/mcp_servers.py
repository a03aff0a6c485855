"""Tools of MCP servers: connected beside everything else, contained like any foreign code.

The only importer of the ``mcp`` SDK, which is heavy and loaded when a server is connected to.
"""

import asyncio
import json
import logging
import os
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from engine.chat_model import HEARTBEAT, ToolSpec
from engine.errors import BadSettings, ModelMistake
from engine.events import whole_characters
from engine.own_tools import as_text, contained
from engine.schemas import plain_schema
from engine.tools import FreeArguments, Offer, Tool, ToolContext

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client._transport import TransportStreams
    from mcp.types import CallToolResult
    from mcp.types import Tool as RemoteTool

log = logging.getLogger(__name__)

_NAME_CHARS = 64  # what OpenAI's API takes as a function's name
_MOST_TOOLS = 64
_DESCRIPTION_CHARS = 1000
_SCHEMA_CHARS = 8000
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
_CONNECT_SECONDS = 120.0  # a command may install itself the first time
_LOOK_SECONDS = 20.0
_STREAM_SECONDS = 300.0  # a server may hold a response open; the SDK's own default
_CLOSE_SECONDS = 6.0  # what the SDK gives a process that will not end


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """Where a server is, and what of it may be used.

    Attributes:
        command: Starts it, and talks over its standard input and output; empty with ``url``.
        headers: Sent with each request to ``url``.
        env: What its process finds in its environment beside PATH, HOME and the like.
        folder: Where its process starts.
        allow: Patterns of its tools' own names; ``approve`` those that ask a person first.
        places: Patterns, see ``engine.places``; ``admins_only`` as of any tool.
        seconds: The most one call may take.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)
    allow: tuple[str, ...]
    approve: tuple[str, ...] = ()
    places: tuple[str, ...]
    admins_only: bool = False
    seconds: float = 30.0


class McpConnection:
    """One server's tools, there or not; connected to again when it is gone.

    Args:
        server: Where it is.
        first_pause_seconds: Before it is tried again; doubled each time.
    """

    def __init__(
        self, server: McpServer, first_pause_seconds: float = _FIRST_PAUSE_SECONDS
    ) -> None:
        self._server = server
        self._first_pause_seconds = first_pause_seconds
        self._client: Client | None = None
        self._lost = asyncio.Event()

    async def run(self, offer: Offer) -> None:
        """Keep the connection until cancelled; its tools stay offered while it is gone."""
        pause = self._first_pause_seconds
        while True:
            try:
                async with self._connected(_CONNECT_SECONDS) as client:
                    offer(self._server.name, await self.tools(client))
                    pause = self._first_pause_seconds
                    log.info("MCP server %s is connected", self._server.name)
                    await self._lost.wait()
            except Exception as problem:  # noqa: BLE001 - whatever the SDK or the server raises
                log.warning("MCP server %s: %s", self._server.name, _kind(problem))
            log.info("MCP server %s is tried again in %.0f s", self._server.name, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def look(self) -> list[Tool]:
        """Connect once; what may be used.

        Raises:
            BadSettings: ``approve`` names what is not there, so that nobody would be asked.
        """
        async with self._connected(_LOOK_SECONDS) as client:
            allowed = await self._allowed(client)
        if unknown := self._unknown(allowed):
            raise BadSettings(unknown)
        return self._made(allowed)

    async def tools(self, client: "Client") -> list[Tool]:
        """Those of the server's tools that may be used, in its order."""
        allowed = await self._allowed(client)
        if unknown := self._unknown(allowed):
            log.warning("MCP server %s: %s", self._server.name, unknown)
        return self._made(allowed)

    async def _allowed(self, client: "Client") -> "list[RemoteTool]":
        listed: list[RemoteTool] = []
        cursor = None
        while len(listed) < _MOST_TOOLS:
            page = await client.list_tools(cursor=cursor)
            listed += page.tools
            cursor = page.next_cursor
            if not cursor:
                break
        return [tool for tool in listed[:_MOST_TOOLS] if _any(tool.name, self._server.allow)]

    def _unknown(self, allowed: "list[RemoteTool]") -> str:
        """What ``approve`` names without effect, in a sentence."""
        patterns = self._server.approve
        unknown = [one for one in patterns if not any(_any(it.name, [one]) for it in allowed)]
        return f"approve names {', '.join(unknown)}, which is none of its tools." * bool(unknown)

    def _made(self, allowed: "list[RemoteTool]") -> list[Tool]:
        return [tool for one in allowed if (tool := self._tool(one))]

    @asynccontextmanager
    async def _connected(self, seconds: float) -> AsyncIterator["Client"]:
        self._lost.clear()
        # What a server writes to standard error may quote messages: it goes nowhere.
        with await asyncio.to_thread(Path(os.devnull).open, "w") as nowhere:
            client = await asyncio.to_thread(_new_client, self._server, nowhere)
            async with asyncio.timeout(seconds) as patience, client:
                patience.reschedule(None)
                self._client = client
                try:
                    yield client
                finally:
                    self._client = None

    def _tool(self, remote: "RemoteTool") -> Tool | None:
        parameters = _parameters(remote.input_schema)
        if parameters is None:
            log.warning(
                "MCP server %s: a tool is left out, its schema is too big", self._server.name
            )
            return None
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{self._server.name}_{remote.name}")[:_NAME_CHARS]

        async def run(context: ToolContext, /, **arguments: Any) -> str:  # noqa: ANN401 - any JSON
            del context  # the scope stays here
            return await contained(name, self._call(remote.name, arguments), self._server.seconds)

        return Tool(
            spec=ToolSpec(
                name=name,
                description=_line(remote.description or "")[:_DESCRIPTION_CHARS],
                parameters=parameters,
            ),
            function=run,
            arguments=FreeArguments,
            chains=True,
            places=self._server.places,
            admins_only=self._server.admins_only,
            asks_first=_any(remote.name, self._server.approve),
        )

    async def _call(self, name: str, arguments: dict[str, Any]) -> str:
        from mcp import MCPError
        from mcp.types import CONNECTION_CLOSED

        away = f"{self._server.name} is not reachable right now; do without it."
        if self._client is None:
            raise ModelMistake(away)
        try:
            result = await self._client.call_tool(name, arguments)
        except MCPError as problem:
            if problem.code == CONNECTION_CLOSED:
                self._lost.set()
                raise ModelMistake(away) from problem
            raise ModelMistake(f"{name} failed: {as_text(problem.message)}") from problem
        text = as_text(_text_of(result))
        if result.is_error:
            raise ModelMistake(f"{name} failed: {text}")
        return text


class McpServers:
    """All servers of the configuration.

    Args:
        servers: In the order in which the model sees their tools.
    """

    def __init__(self, servers: Iterable[McpServer]) -> None:
        self._connections = {server.name: McpConnection(server) for server in servers}
        self._offer: Offer = _nobody
        self._tasks: list[asyncio.Task[None]] = []

    async def look(self) -> dict[str, list[Tool] | str]:
        """Connect to each once, for the doctor; its tools, or what is wrong."""
        names = self._connections
        found = await asyncio.gather(
            *(one.look() for one in names.values()), return_exceptions=True
        )
        return {
            name: _wrong(one) if isinstance(one, BaseException) else one
            for name, one in zip(names, found, strict=True)
        }

    def attach(self, offer: Offer) -> None:
        """Say who takes the tools; none are offered at once, so that their order is fixed."""
        self._offer = offer
        for name in self._connections:
            offer(name, ())

    def start(self) -> None:
        """Connect, beside everything else."""
        for name, connection in self._connections.items():
            running = connection.run(self._offer)
            self._tasks.append(asyncio.create_task(running, name=f"mcp {name}"))

    async def close(self) -> None:
        """Disconnect; processes that were started end."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)


def _nobody(source: str, tools: Iterable[Tool]) -> None:
    """Who takes the tools before anybody does."""


def _new_client(server: McpServer, complaints: TextIO) -> "Client":
    """A client for one connection; its import takes a second, so this is run in a thread."""
    from mcp import Client, StdioServerParameters, stdio_client

    for name in ("mcp", "httpx2"):  # their lines hold what servers say, and addresses
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if server.url:
        return Client(_over_http(server))
    program, *arguments = server.command
    process = StdioServerParameters(
        command=program, args=arguments, env=dict(server.env), cwd=server.folder
    )
    return Client(stdio_client(process, errlog=complaints))


@asynccontextmanager
async def _over_http(server: McpServer) -> AsyncIterator["TransportStreams"]:
    from httpx2 import AsyncClient, Timeout
    from mcp.client.streamable_http import streamable_http_client

    patience = Timeout(server.seconds, read=_STREAM_SECONDS)
    async with (
        AsyncClient(headers=dict(server.headers), timeout=patience) as sender,
        streamable_http_client(server.url, http_client=sender) as streams,
    ):
        yield streams


def _parameters(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments as the model gets them, or None when they are too much for a prompt."""
    if len(json.dumps(schema)) > _SCHEMA_CHARS:
        return None
    plain = plain_schema(dict(schema))
    ours = plain_schema(FreeArguments.model_json_schema())["properties"]
    parameters = {
        **plain,
        "type": "object",
        "properties": {**plain.get("properties", {}), HEARTBEAT: ours[HEARTBEAT]},
        "required": plain.get("required", []),
    }
    text = json.dumps(parameters, ensure_ascii=False)
    if len(text) > _SCHEMA_CHARS:
        return None
    whole: dict[str, Any] = json.loads(whole_characters(text))
    return whole


def _line(text: str) -> str:
    return whole_characters(" ".join(text.split()))


def _text_of(result: "CallToolResult") -> str:
    """What a result says; what is no text becomes a note."""
    parts = [_part(block) for block in result.content]
    if not parts and result.structured_content is not None:
        return as_text(result.structured_content)
    return "\n".join(parts) or as_text(None)


def _part(block: Any) -> str:  # noqa: ANN401 - one of the SDK's kinds of content
    if block.type == "text":
        return str(block.text)
    if block.type == "resource" and hasattr(block.resource, "text"):
        return str(block.resource.text)
    if block.type == "resource_link":
        return f"({block.name}: {block.uri})"
    return f"({block.type} content, which cannot be shown.)"


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _wrong(problem: BaseException) -> str:
    return (
        problem.sentence
        if isinstance(problem, BadSettings)
        else f"no connection ({_kind(problem)})"
    )


def _kind(problem: BaseException) -> str:
    """The innermost kind of error; its text may hold an address with a key."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return type(problem).__name__
