"""Answers bursts for ever and says what is surely stored; killed by tests/scenarios/test_bursts."""

import asyncio
import sys
from pathlib import Path

from engine.testing import FixedClock
from storage.sqlite.store import SqliteStore
from tests.storage.builders import direct, request, step


async def run(path, number):
    store = await SqliteStore.open(path, embedder=None, now=FixedClock(), exclusive=True)
    while True:
        for _ in range(2):
            number = await accept(store, number)
        while turn := await store.next_turn(direct().agent_id):
            if turn.steps == 0 and number % 3 == 0:
                number = await accept(store, number)
                turn = await store.join_turn(turn)
            answer = " ".join(item.text for item in await store.turn_messages(turn))
            await store.commit_step(step(turn, says=[answer], replies=[answer]))


async def accept(store, number):
    await store.accept(request(str(number), key=str(number)))
    sys.stdout.write(f"accepted {number}\n")
    sys.stdout.flush()
    return number + 1


asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))
