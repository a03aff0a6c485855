"""The product as a process: what a person at a shell, or a service manager, sees of it."""

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def objects(self):
        return [json.loads(line) for line in self.out.splitlines()]


def environment(**settings):
    """Our settings, and what a process needs at all."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "COVERAGE_PROCESS_CONFIG")
        if name in os.environ
    }
    fixed = {"PYTHONPATH": str(ROOT), "USER": "ada", "MEMBOT_EMBEDDING_MODEL": "none"}
    return {**kept, **fixed, **settings}


async def start(folder, *arguments, **settings):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bots",
        *arguments,
        cwd=folder,
        env=environment(**settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def finish(process, text=None):
    given = None if text is None else text.encode() if isinstance(text, str) else text
    async with asyncio.timeout(PATIENCE_SECONDS):
        out, err = await process.communicate(given)
    return Ended(process.returncode, out.decode(), err.decode())


async def membot(folder, *arguments, text="", **settings):
    """Run a command to its end."""
    return await finish(await start(folder, *arguments, **settings), text)


@asynccontextmanager
async def running(folder, *arguments, **settings):
    """A process that is killed at the end, if it still runs."""
    process = await start(folder, *arguments, **settings)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        process._transport.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_one_plain_sentence(text):
    return text.count("\n") == 1 and "Traceback" not in text and len(text) < 400
