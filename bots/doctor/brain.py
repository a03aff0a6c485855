"""Checks of what the bot thinks with: model, embedding model, tools."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from bots.doctor.check import Check
from bots.settings import Settings

if TYPE_CHECKING:
    from engine.tools import Tool


async def model_checks(settings: Settings) -> list[Check]:
    """Whether the model answers and calls a tool."""
    from bots.app import build_model

    if settings.offline:
        fix = "Set OPENAI_API_KEY or OPENAI_BASE_URL for a language model."
        return [Check(name="model", state="note", detail="the offline demo brain", fix=fix)]
    model = build_model(settings.engine_config(), offline=False)
    try:
        called = await _calls_tool(model.complete)
    finally:
        await model.close()
    if called:
        return [Check(name="model", state="ok", detail=f"{model.name} answers and calls tools")]
    fix = "Try MEMBOT_TOOL_MODE=json_schema, or another model."
    detail = f"{model.name} answers, but called no tool when asked to"
    return [Check(name="model", state="failed", detail=detail, fix=fix)]


async def _calls_tool(complete: Callable[[Any], Awaitable[Any]]) -> bool:
    from engine.chat_model import ModelRequest, ToolSpec

    schema = {
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
        "additionalProperties": False,
    }
    tool = ToolSpec(name="send_message", description="Say something.", parameters=schema)
    said = json.dumps({"role": "user", "content": "Say hello with send_message."})
    reply = await complete(
        ModelRequest(
            purpose="turn",
            system="Answer only by calling the function send_message.",
            messages=(said,),
            tools=(tool,),
            max_output_tokens=256,
        )
    )
    return any(call.name == "send_message" for call in reply.tool_calls)


async def embedding_checks(settings: Settings) -> list[Check]:
    """Whether the embedding model makes vectors."""
    from bots.app import embedding_problem

    name = "embedding model"
    if settings.embedding_model is None:
        return [Check(name=name, state="note", detail="none: search goes by words alone")]
    problem = await embedding_problem(settings)
    if problem is None:
        return [Check(name=name, state="ok", detail=f"{settings.embedding_model} works")]
    fix = "Install the extra `embeddings`, or set MEMBOT_EMBEDDING_MODEL=none."
    return [Check(name=name, state="failed", detail=problem, fix=fix)]


async def own_tool_checks(settings: Settings) -> list[Check]:
    """The operator's own tools, a line a source."""
    from bots.tool_modules import find_own_tools

    found = await asyncio.to_thread(find_own_tools, settings.file.tools, settings.folder)
    fix = "Correct the module, or take it out of [tools] in membot.toml."
    checks = [
        Check(name=f"own tools {source}", state="ok", detail=", ".join(map(_shown, tools)))
        for source, tools in found.by_source.items()
        if tools
    ]
    checks += [
        Check(name="own tools", state="failed", detail=problem, fix=fix)
        for problem in found.problems
    ]
    return checks


async def server_checks(settings: Settings) -> list[Check]:
    """Servers of tools, a line each."""
    from bots.app import mcp_servers

    found = await mcp_servers(settings).look()
    return [_server(f"mcp {name}", one) for name, one in found.items()]


def _server(name: str, found: "list[Tool] | str") -> Check:
    if isinstance(found, str):
        fix = "Correct it in membot.toml; tools of a server that is away say so to the model."
        return Check(name=name, state="failed", detail=found, fix=fix)
    if not found:
        return Check(name=name, state="failed", detail="no tool", fix="Correct its allow.")
    return Check(name=name, state="ok", detail=", ".join(map(_shown, found)))


def _shown(tool: "Tool") -> str:
    limits = ["admins"] * tool.admins_only + ["asks first"] * tool.asks_first
    return f"{tool.spec.name} ({', '.join(limits)})" if limits else tool.spec.name
