"""Tools that an operator brings along: foreign code, which is contained.

Whatever such a function does, its call ends within its time limit in a text for the model: it may
hang, raise, flood or return what is no text. It never sees the store.
"""

import asyncio
import inspect
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, TypeVar

from pydantic_core import PydanticSerializationError, to_jsonable_python

from engine.answer_files import AnswerFile
from engine.chat_model import HEARTBEAT
from engine.errors import BadSettings, ModelMistake
from engine.events import whole_characters
from engine.file_tools import hand_over
from engine.tools import CONTEXT, Tool, ToolContext, make_tool

log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")  # what OpenAI's API takes as a function's name
_MOST_CHARS = 1_000_000  # more of a result is never read; its share of the window is far smaller
_REASON_CHARS = 200
_FREE_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

OwnFunction = Callable[..., Any]
Made = TypeVar("Made", bound=str | AnswerFile)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """What a tool is told of the turn when it has a parameter called ``context``.

    Attributes:
        speaker: Key of the person who speaks, e.g. ``slack:T1/U2``.
        place: Key of the agent's place, e.g. ``slack:T1/channel/C2``.
        time: Now, in the bot's time zone.
    """

    speaker: str | None
    speaker_name: str
    place: str
    place_name: str
    tenant: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolLimits:
    """Where, by whom and how tools of one source may be used.

    Attributes:
        places: Patterns, see ``engine.places``.
        seconds: The most one call may take.
    """

    places: tuple[str, ...]
    admins_only: bool = False
    seconds: float = 30.0


class Threads:
    """Runs functions beside the bot's event loop: plain ones in threads, async ones on one loop.

    A thread cannot be stopped: a function that hangs keeps its place until it returns. They are
    daemons, so none holds up the end of the process.

    Args:
        at_once: How many plain ones run at the same time; further calls wait for a place.
    """

    def __init__(self, at_once: int = 8) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, function: Callable[[], Any]) -> Any:  # noqa: ANN401 - what it returns
        """The function's result, or what it raised."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def work() -> None:
            outcome = _outcome(function)
            with suppress(RuntimeError):  # the loop is gone, and with it whoever waited
                loop.call_soon_threadsafe(self._ended, ended, outcome)

        Thread(target=work, daemon=True, name="membot-tool").start()
        result, problem = await ended
        if problem:
            raise problem
        return result

    def _ended(
        self,
        ended: asyncio.Future[tuple[Any, BaseException | None]],
        outcome: tuple[Any, BaseException | None],
    ) -> None:
        self._free.release()
        if not ended.done():
            ended.set_result(outcome)

    async def wait_for(self, work: Awaitable[Any]) -> Any:  # noqa: ANN401 - what it returns
        """What an async function comes to, on a loop that only others like it can hold up."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            Thread(target=self._loop.run_forever, daemon=True, name="membot-async-tools").start()
        running = asyncio.run_coroutine_threadsafe(_guarded(work), self._loop)
        result, problem = await asyncio.wrap_future(running)
        if problem:
            raise problem
        return result


def _outcome(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return function(), None
    except BaseException as problem:  # noqa: BLE001 - foreign code; whoever waits gets it
        return None, problem


def own_tool(function: OwnFunction, limits: ToolLimits, threads: Threads) -> Tool:
    """A tool from a function of somebody else's.

    Args:
        function: Plain or async, typed, with a docstring.
        limits: Where and how it may be used.
        threads: Where it runs when it is plain.

    Raises:
        BadSettings: No tool can be made of it; the sentence says why.
    """
    _check(function)
    takes_context = CONTEXT in inspect.signature(function).parameters

    async def run(context: ToolContext, **arguments: Any) -> str:  # noqa: ANN401 - as it is typed
        if takes_context:
            arguments[CONTEXT] = _view(context)
        call = partial(function, **arguments)
        made = await contained(function.__name__, _made_by(call, threads), limits.seconds)
        return made if isinstance(made, str) else hand_over(context, made)

    try:
        tool = make_tool(function, runs=run)
    except Exception as problem:  # pydantic and typing raise many kinds
        reason = " ".join(f"{type(problem).__name__}: {problem}".split())[:_REASON_CHARS]
        raise BadSettings(f"its types give no schema ({reason})") from problem
    return replace(tool, places=limits.places, admins_only=limits.admins_only)


def _check(function: OwnFunction) -> None:
    """Raise what is wrong with the function, before anybody calls it."""
    if not inspect.isroutine(function):
        raise BadSettings("it is no function")
    if not _NAME.fullmatch(function.__name__):
        raise BadSettings("its name must be of a to z, digits and _, and at most 64 long")
    if not inspect.getdoc(function):
        raise BadSettings("it has no docstring, from which the model learns what it is for")
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in _FREE_KINDS or name == HEARTBEAT or name.startswith("_"):
            raise BadSettings(f"its parameter '{name}' cannot be filled in by a model")
        if name != CONTEXT and parameter.annotation is parameter.empty:
            raise BadSettings(f"its parameter '{name}' has no type")


def _view(context: ToolContext) -> TurnView:
    turn, scope = context.turn, context.scope
    return TurnView(
        speaker=scope.speaker,
        speaker_name=turn.speaker_name,
        place=scope.agent_id,
        place_name=turn.place_name,
        tenant=scope.tenant,
        time=context.now().astimezone(context.zone),
    )


async def contained(name: str, work: Coroutine[Any, Any, Made], seconds: float) -> Made:
    """What foreign code comes to, whatever it does.

    Args:
        name: Of the tool.
        work: Its call.
        seconds: The most it may take; what does not stop then is left behind.

    Raises:
        ModelMistake: It failed or took too long; its own ModelMistake is passed on.
    """
    task = asyncio.ensure_future(_guarded(work))
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
    if not task.done():
        raise ModelMistake(f"{name} gave no answer within {seconds:g} seconds and was given up.")
    made, problem = (None, asyncio.CancelledError()) if task.cancelled() else task.result()
    if isinstance(problem, ModelMistake):
        raise ModelMistake(as_text(problem.sentence)) from problem
    if problem or made is None:
        raise ModelMistake(_failure(name, problem)) from problem
    return made


async def _guarded(work: Awaitable[Made]) -> tuple[Made | None, BaseException | None]:
    try:
        return await work, None
    except asyncio.CancelledError:
        raise
    except BaseException as problem:  # noqa: BLE001 - also SystemExit, which would end the loop
        return None, problem


def _failure(name: str, problem: BaseException | None) -> str:
    """What the model reads; the log gets kind and place of the error, never its text."""
    error_id = secrets.token_hex(4)
    trace = problem.__traceback__ if problem else None
    kind = type(problem).__name__
    log.error("%s failed (id %s): %s at %s", name, error_id, kind, _innermost(trace))
    return f"{name} failed with an error of its own ({kind}, id {error_id}); do without it."


def _innermost(trace: TracebackType | None) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"


async def _made_by(call: partial[Any], threads: Threads) -> str | AnswerFile:
    """Call the function and make a text of what is no file, neither on the event loop."""
    is_async = inspect.iscoroutinefunction(call.func)
    result = call() if is_async else await threads.run(call)
    if inspect.isawaitable(result):
        result = await threads.wait_for(result)
    if isinstance(result, AnswerFile):
        return AnswerFile(name=str(result.name), content=bytes(result.content))  # or it raises
    if isinstance(result, str):
        return as_text(result)
    text: str = await threads.run(partial(as_text, result))
    return text


def as_text(result: object) -> str:
    """What a model reads of a result: text as it is, data as JSON, binary as a sentence."""
    if result is None:
        return "Done; there is no result to show."
    if isinstance(result, str):
        return whole_characters(result[:_MOST_CHARS])
    if isinstance(result, bytes | bytearray | memoryview):
        return f"({len(result)} bytes of binary data, which cannot be shown.)"
    try:
        return whole_characters(_json(result))
    except (TypeError, ValueError, RecursionError, PydanticSerializationError):
        return f"(A result of type {type(result).__name__}, which cannot be shown as text.)"


def _json(result: object) -> str:
    """JSON piece by piece, so that a flood is cut off and not built first."""
    pieces, size = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False, default=_plain).iterencode(result):
        pieces.append(piece[:_MOST_CHARS])
        size += len(piece)
        if size > _MOST_CHARS:
            break
    return "".join(pieces)[:_MOST_CHARS]


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return as_text(value)
    if isinstance(value, Iterator):
        raise TypeError
    return to_jsonable_python(value)
