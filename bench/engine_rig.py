"""A whole engine on a database file, spoken to within the process."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

from engine.assembly import EnginePorts, build_dispatcher
from engine.chat_model import ChatModel
from engine.config import EngineConfig
from engine.hooks import Hook, ignore
from engine.records import IncomingEvent, Turn
from engine.testing import FixedClock
from engine.tokens import TokenCounter, carried_data
from engine.turn import TurnResult
from storage.embedder import Embedder
from storage.sqlite.database import Synchronous
from storage.sqlite.store import SqliteStore


class EngineRig:
    """The product's dispatcher and store with a model of one's own.

    Args:
        file: The database.
        model: Answers; the rig does not close it.
        config: Window and bounds.
        embedder: Makes one for each opening of the store; None for search by words alone.
        hook: Is told what happens.
        clock: What the time is.

    Attributes:
        synchronous: How safe the file is against a power cut; set it before opening.
    """

    def __init__(
        self,
        file: Path,
        model: ChatModel,
        config: EngineConfig,
        *,
        embedder: Callable[[], Embedder] | None = None,
        hook: Hook = ignore,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.model = model
        self.clock = clock or FixedClock()
        self._file = file
        self._config = config
        self._embedder = embedder
        self._hook = hook
        self.synchronous: Synchronous = "NORMAL"
        self._counter = TokenCounter(config.model.model, carried_data())

    async def __aenter__(self) -> Self:
        """Open the database and go on with what was left unfinished."""
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop at once and let go of the file."""
        await self.close()

    async def open(self) -> None:
        """As a process does when it starts."""
        embedder = self._embedder() if self._embedder else None
        self.store = await SqliteStore.open(
            self._file, embedder=embedder, now=self.clock, synchronous=self.synchronous
        )
        ports = EnginePorts(
            store=self.store,
            model=self.model,
            counter=self._counter,
            now=self.clock,
            hook=self._hook,
            on_commit=_nothing_waits,
            show_activity=_no_sign,
        )
        self.dispatcher = build_dispatcher(ports, self._config)
        await self.dispatcher.start()

    async def close(self) -> None:
        """As a process does when it must end at once: running turns stop where they are."""
        await self.dispatcher.close()
        await self.store.close()

    async def restart(self) -> None:
        """End and start again; turns that were left unfinished run to their end."""
        await self.close()
        await self.open()
        while await self.store.agents_with_turns():
            await asyncio.sleep(0.001)

    async def say(self, event: IncomingEvent) -> TurnResult:
        """One event, answered to the end of its turn."""
        accepted = await self.dispatcher.submit(event)
        assert accepted.turn_id, accepted.outcome
        return await self.dispatcher.wait_turn(accepted.turn_id)


def _nothing_waits() -> None:
    """Replies are read off the turn's result."""


async def _no_sign(_turn: Turn, _activity: str) -> None:
    """Nobody watches."""
