"""Runs turns for ever and says what is surely stored; killed by test_sqlite_kill."""

import asyncio
import sys
from pathlib import Path

from engine.answer_files import AnswerFile
from engine.records import Reply
from engine.testing import FixedClock
from storage.sqlite.store import SqliteStore
from tests.storage.builders import NOON, block, direct, passage, request, step, write


def with_file(text):
    """A reply whose file says the same."""
    return Reply(text=text, file=AnswerFile(name="answer.txt", content=text.encode()))


def say(kind, what):
    sys.stdout.write(f"{kind} {what}\n")
    sys.stdout.flush()


async def run(path, first):
    store = await SqliteStore.open(path, embedder=None, now=FixedClock(), exclusive=True)
    number = first
    while True:
        await store.accept(request(f"question {number}", key=str(number)))
        say("accepted", number)
        while turn := await store.next_turn(direct().agent_id):
            human = await block(store, direct(), "human")
            asked = [message.text for message in await store.turn_messages(turn)]
            answer = f"answer to {' and '.join(asked)}"
            await store.commit_step(
                step(
                    turn,
                    says=[answer],
                    replies=[with_file(answer)],
                    blocks=(write(human, answer),),
                    passages=(passage(answer),),
                )
            )
            say("answered", answer)
            (item,) = await store.outbox_due("slack", NOON, 1)
            await store.mark_sending(item.id, NOON)
            await store.mark_sent(item.id, "ref", NOON)
        number += 1


asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))
