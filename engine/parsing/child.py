"""The bot's end of the parsing process: starts it, feeds it a file, reads its lines, ends it."""

import asyncio
import json
import math
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.config import DocumentConfig
from engine.documents import Piece
from engine.errors import DocumentRefused
from engine.parsing.formats import too_large

_SOURCE = Path(__file__).parents[2]
_LINE_BYTES = 1 << 20
_MOST_MEMORY_MB = 1000
# The child needs no secret of ours, and no variable but where our own source is.
_ENVIRONMENT = {"PYTHONPATH": str(_SOURCE), "PYTHONUTF8": "1", "PATH": os.defpath}


async def parse(
    name: str, data: bytes, config: DocumentConfig
) -> AsyncGenerator[Piece | tuple[int, int]]:
    """The pieces of a file as they are read; in between, pages done and pages in all.

    Raises:
        DocumentRefused: The file cannot be read, or not within the limits; one plain sentence.
    """
    process = await _start(Path(name).suffix.lower(), config)
    feeding = asyncio.create_task(_feed(process, data))
    try:
        async for answer in _answers(process, config.timeout_seconds):
            if "piece" in answer:
                yield Piece(place=answer["piece"][0], text=answer["piece"][1])
            elif "page" in answer:
                yield answer["page"], answer["of"]
            elif "refused" in answer:
                raise DocumentRefused(answer["refused"].replace("{name}", name))
            else:
                return
        raise DocumentRefused(await _last_words(process, name, config))
    except ValueError as garbled:  # a line that is too long, or none of ours
        raise DocumentRefused(_damaged(name)) from garbled
    except TimeoutError as late:
        raise DocumentRefused(_too_slow(name, config)) from late
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        feeding.cancel()
        await asyncio.gather(feeding, process.wait(), return_exceptions=True)


async def _start(suffix: str, config: DocumentConfig) -> asyncio.subprocess.Process:
    """Start a child; it is told only how the name ends, for a list of processes shows that."""
    limits = (_MOST_MEMORY_MB, math.ceil(config.timeout_seconds), config.max_pages)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "engine.parsing.worker",
        suffix if suffix[1:].isalnum() else "",
        *map(str, limits),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LINE_BYTES,
        env=_ENVIRONMENT,
        start_new_session=True,
    )


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    stdin = process.stdin
    assert stdin is not None  # noqa: S101 - a pipe was asked for
    with suppress(OSError):  # a child that is gone has said why
        stdin.write(data)
        await stdin.drain()
        stdin.close()


async def _answers(
    process: asyncio.subprocess.Process, seconds: float
) -> AsyncIterator[dict[str, Any]]:
    """The child's lines; its time runs only while it is waited for."""
    stdout, clock = process.stdout, asyncio.get_running_loop().time
    assert stdout is not None  # noqa: S101 - a pipe was asked for
    while True:
        asked = clock()
        async with asyncio.timeout(seconds):
            line = await stdout.readline()
        if not line:
            return
        seconds -= clock() - asked
        yield json.loads(line)


async def _last_words(
    process: asyncio.subprocess.Process, name: str, config: DocumentConfig
) -> str:
    """Why a child ended without saying so: the kernel ended it, or a library crashed."""
    ended = await process.wait()
    if ended in (-signal.SIGXCPU, -signal.SIGKILL):
        return _too_slow(name, config)
    if ended > 0:  # what Python raises is told of by itself, but where there is no memory to
        return too_large(name, _MOST_MEMORY_MB)
    return _damaged(name)


def _damaged(name: str) -> str:
    return f"{name} is damaged, so I could not read it."


def _too_slow(name: str, config: DocumentConfig) -> str:
    return f"{name} takes longer than {config.timeout_seconds:g} s to read, the limit."
