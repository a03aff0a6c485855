"""What a turn costs beside the model: added time, turns a second, bytes of prefix kept.

    python -m bench.turns

The model is a loopback server in a process of its own that answers at once; the store is a file on
disk with ``synchronous=FULL``; the client, the outbox and its sender are the product's own.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from bench.report import report
from bots.delivery import OutboxSender
from engine.assembly import EnginePorts, build_dispatcher
from engine.chat_model import ModelReply, ModelRequest
from engine.config import EngineConfig, ModelConfig
from engine.hooks import MemoryFlushed
from engine.openai_model import OpenAIChatModel
from engine.records import IncomingEvent
from engine.testing import RecordingDelivery
from engine.tokens import TokenCounter, carried_data
from storage.sqlite.store import SqliteStore
from tests.engine.builders import dm_scope, event

PORT = 9377
TURNS = 300
WARM_UP = 20


class MeasuredModel:
    """The product's model, with the time it took and what it was sent."""

    is_demonstration = False
    tools_as_text = False

    def __init__(self, model: OpenAIChatModel) -> None:
        self._model = model
        self.name = model.name
        self.seconds: list[float] = []
        self.requests: list[str] = []

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Pass it on, and remember."""
        started = time.perf_counter()
        reply = await self._model.complete(request)
        self.seconds.append(time.perf_counter() - started)
        if request.purpose == "turn":
            self.requests.append(request.system + "".join(request.messages))
        return reply

    async def close(self) -> None:
        """Close the client."""
        await self._model.close()


def now() -> datetime:
    return datetime.now(UTC)


async def measure(agents: int, turns: int) -> dict[str, object]:
    """Turns of so many agents at once; one line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "membot.db", embedder=None, now=now)
        base_url = f"http://127.0.0.1:{PORT}/v1"
        model = MeasuredModel(OpenAIChatModel(ModelConfig(model="fake", base_url=base_url)))
        delivery = RecordingDelivery()
        happened: list[object] = []
        sender = OutboxSender(delivery, store, now)
        ports = EnginePorts(
            store=store,
            model=model,
            counter=TokenCounter("fake", carried_data()),
            now=now,
            hook=happened.append,
            on_commit=sender.wake,
            show_activity=delivery.show_activity,
        )
        dispatcher = build_dispatcher(ports, EngineConfig())
        sending = asyncio.create_task(sender.run())
        await talk(dispatcher, agents, WARM_UP)
        model.seconds.clear()
        model.requests.clear()
        happened.clear()
        started = time.perf_counter()
        walls = await talk(dispatcher, agents, turns)
        seconds = time.perf_counter() - started
        row = {
            "agents": agents,
            "turns": len(walls),
            "turn_ms_median": round(1000 * statistics.median(walls), 1),
            "model_ms_median": round(1000 * statistics.median(model.seconds), 1),
            "added_ms_median": round(
                1000 * (statistics.median(walls) - statistics.median(model.seconds)), 1
            ),
            "turns_per_second": round(len(walls) / seconds, 1),
            "prefix_kept": kept(model, flushes(happened)) if agents == 1 else "",
        }
        await dispatcher.close()
        await sender.close()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await store.close()
        await model.close()
        return row


async def talk(dispatcher: object, agents: int, turns: int) -> list[float]:
    """Every agent's person says so many things, one after the other; seconds of each turn."""

    async def person(number: int) -> list[float]:
        walls = []
        for turn in range(turns // agents):
            started = time.perf_counter()
            said: IncomingEvent = event(f"message {turn}", scope=dm_scope(f"p{number}"))
            accepted = await dispatcher.submit(said)
            await dispatcher.wait_turn(accepted.turn_id)
            walls.append(time.perf_counter() - started)
        return walls

    each = await asyncio.gather(*(person(number) for number in range(agents)))
    return [wall for walls in each for wall in walls]


def flushes(happened: list[object]) -> int:
    """How often messages left a queue; the prefix is rebuilt then, and only then."""
    return sum(isinstance(item, MemoryFlushed) for item in happened)


def kept(model: MeasuredModel, flushed: int) -> str:
    """Share of requests that begin with every byte of the one before, flushes set aside."""
    stable = sum(later.startswith(earlier) for earlier, later in pairwise(model.requests))
    return f"{100 * stable / (len(model.requests) - 1 - flushed):.0f} %"


async def wait_for_server() -> None:
    """Until the model server answers."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", PORT)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def run() -> None:
    """Both lines."""
    await wait_for_server()
    report("turns", [await measure(1, TURNS), await measure(16, 4 * TURNS)])


def main() -> None:
    """Serve the instant model beside the measurement."""
    command = [sys.executable, "-m", "tests.fixtures.model_server", "--port", str(PORT)]
    with subprocess.Popen(command) as server:
        try:
            asyncio.run(run())
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
