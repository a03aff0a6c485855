"""Does a turn take longer when much has been said? With 100 and with 100,000 messages in memory.

    python -m bench.turn_growth [--sizes 100 100000]

The messages are stored and indexed by the verb that imports use, in databases on disk with
``synchronous=FULL``; then turns of all sizes are taken in alternation, so that a busy machine slows
them alike. A plain turn answers at once; a searching turn looks something up in recall memory
first. The model is instant; search goes by words (``bench.search`` has its figures with vectors).
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final

from bench.engine_rig import EngineRig
from bench.report import report
from bench.search import SMALL_TALK, SYLLABLES
from engine.chat_model import ModelReply, ModelRequest
from engine.config import EngineConfig
from engine.imports import PastMessage, Portion
from engine.testing import ScriptedChatModel, call
from tests.engine.builders import NOON, dm_scope, event

SIZES: Final = (100, 100_000)
TURNS: Final = 200
WARM_UP: Final = 20
_PORTION: Final = 2_000
_SCOPE: Final = dm_scope()


def sentence(rng: random.Random) -> str:
    """Small talk with words that come and go."""
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(2, 3))) for _ in range(3)]
    return rng.choice(SMALL_TALK).format(*words)


async def fill(rig: EngineRig, size: int) -> None:
    """Remember so many messages, in portions of one transaction each."""
    rng = random.Random(size)
    for start in range(0, size, _PORTION):
        messages = tuple(
            PastMessage(
                source_key=f"bench/{number}",
                author_name="Ada",
                text=sentence(rng),
                sent_at=NOON - timedelta(minutes=size - number),
            )
            for number in range(start, min(start + _PORTION, size))
        )
        portion = Portion(agent_id=_SCOPE.agent_id, place_name="#past", messages=messages)
        await rig.store.add_past(_SCOPE, portion, dry_run=False, at=NOON)


def answer(request: ModelRequest) -> ModelReply:
    """A search first where the message asks for one, then a word."""
    if "look up" in request.messages[-1]:
        return call("conversation_search", query="marvel stokem", request_heartbeat=True)
    return call("send_message", message="I see.")


async def take_turn(rig: EngineRig, text: str) -> float:
    """Seconds from a message to the end of its turn."""
    started = time.perf_counter()
    await rig.say(event(text, scope=_SCOPE))
    return time.perf_counter() - started


async def measure(sizes: list[int], turns: int) -> list[dict[str, object]]:
    """A line of the table for each size."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rigs = {}
        for size in sizes:
            model = ScriptedChatModel(otherwise=answer)
            file = folder / f"{size}.db"
            rig = EngineRig(file, model, EngineConfig())
            rig.synchronous = "FULL"
            rigs[size] = await stack.enter_async_context(rig)
            await rig.say(event("Hello", scope=_SCOPE))
            await fill(rig, size)
        plain = await alternate(rigs, "I was at the market today.", turns)
        searching = await alternate(rigs, "Please look up what I said.", turns // 4)
    return [
        {
            "messages_in_memory": size,
            "plain_turn_ms": round(1000 * plain[size], 1),
            "searching_turn_ms": round(1000 * searching[size], 1),
            "plain_to_smallest": round(plain[size] / plain[sizes[0]], 2),
            "searching_to_smallest": round(searching[size] / searching[sizes[0]], 2),
        }
        for size in sizes
    ]


async def alternate(rigs: dict[int, EngineRig], text: str, turns: int) -> dict[int, float]:
    """Median seconds of a turn at each size, after some that are not counted."""
    taken: dict[int, list[float]] = {size: [] for size in rigs}
    for number in range(WARM_UP + turns):
        for size, rig in rigs.items():
            taken[size].append(await take_turn(rig, f"{text} ({number})"))
    return {size: statistics.median(seconds[WARM_UP:]) for size, seconds in taken.items()}


def main() -> None:
    """Read the options, run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args()
    report("turn_growth", asyncio.run(measure(options.sizes, options.turns)))


if __name__ == "__main__":
    main()
