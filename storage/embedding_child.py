"""The bot's end of the embedding worker: starts it, asks it, ends it. Knows no queue."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from storage.vectors import Floats

__all__ = ["ChildCommand", "ChildDiedError", "EmbeddingChild"]

_SIZES = struct.Struct(">II")
_WORKER = Path(__file__).with_name("embedding_worker.py")
_STOP_SECONDS = 3.0
# The child sees these variables and no others: it needs no secret of ours, and it must not ask
# the network. https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    "PATH": os.defpath,
}


class ChildDiedError(Exception):
    """The child process ended; the text is its own reason, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildCommand:
    """How to start a worker.

    Attributes:
        model: The hub's name of the model, or a folder.
        cache: The hub's cache folder, or None for its usual place.
        worker: The file to run.
        environment: More variables for the child.
    """

    model: str
    cache: Path | None = None
    worker: Path = _WORKER
    environment: dict[str, str] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """The command line; -P keeps our own modules' names off the child's path."""
        cache = [str(self.cache)] if self.cache is not None else []
        return [sys.executable, "-P", str(self.worker), self.model, *cache]


class EmbeddingChild:
    """A running worker. One request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: ChildCommand) -> EmbeddingChild:
        """Start a worker and wait until its model is loaded.

        Raises:
            ChildDiedError: It could not load the model.
        """
        process = await asyncio.create_subprocess_exec(
            *command.arguments(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT | command.environment,
            start_new_session=True,
        )
        child = cls(process)
        try:
            await child._loaded()
        except BaseException:
            await child.stop()
            raise
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def embed(self, texts: Sequence[str]) -> Floats:
        """One vector a text.

        Raises:
            ChildDiedError: The process ended before it answered.
        """
        header = json.dumps({"texts": list(texts)}).encode()
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - a pipe was asked for
        try:
            stdin.write(_SIZES.pack(len(header), 0) + header)
            await stdin.drain()
        except OSError as error:
            raise ChildDiedError from error
        answer, body = await self._receive()
        return np.frombuffer(body, dtype="<f4").reshape(answer["shape"]).astype(np.float32)

    async def stop(self) -> None:
        """End the process and wait for it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
        await self._process.wait()

    async def _loaded(self) -> None:
        header, _ = await self._receive()
        if "problem" in header:
            raise ChildDiedError(str(header["problem"]))

    async def _receive(self) -> tuple[dict[str, Any], bytes]:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            header_size, body_size = _SIZES.unpack(await stdout.readexactly(_SIZES.size))
            header = json.loads(await stdout.readexactly(header_size))
            return header, await stdout.readexactly(body_size)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ChildDiedError from error
