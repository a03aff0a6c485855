"""A process that is killed at any moment loses nothing that it said was stored."""

import random
import subprocess
import sys

from engine.records import RecallSearch
from engine.testing import FixedClock
from storage.sqlite.store import SqliteStore
from tests.storage.builders import NOON, direct

ROUNDS = 6


def run_and_kill(path, first, lines):
    """Run turns until so many lines were said, then SIGKILL; everything that was said."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.killed_writer", str(path), str(first)],
        stdout=subprocess.PIPE,
        text=True,
    )
    said = [worker.stdout.readline() for _ in range(lines)]
    worker.kill()
    rest, _ = worker.communicate(timeout=60)
    whole = [line for line in (*said, *rest.splitlines(keepends=True)) if line.endswith("\n")]
    return [line.split(maxsplit=1) for line in whole]


class TestKilled:
    """SIGKILL at random points leaves the database whole, and the turns go on."""

    async def test_every_accepted_event_is_answered_once_and_in_order(self, tmp_path):
        chance, path = random.Random(7), tmp_path / "membot.db"
        accepted, answered = [], []
        for _ in range(ROUNDS):
            first = int(accepted[-1]) + 1 if accepted else 0
            # An event may be stored though it was not said: the next process repeats its number.
            said = run_and_kill(path, first, chance.randrange(2, 25))
            accepted += [what.strip() for kind, what in said if kind == "accepted"]
            answered += [what.strip() for kind, what in said if kind == "answered"]
        store = await SqliteStore.open(path, embedder=None, now=FixedClock())
        assert await store.check() == []
        everything = RecallSearch(query="", page_size=10_000)
        page = await store.list_recall(direct(), everything)
        texts = [hit.text for hit in page.hits]
        assert len(texts) == len(set(texts))
        asked = [text.removeprefix("question ") for text in texts if text.startswith("question")]
        assert asked == sorted(asked, key=int)
        assert set(accepted) <= set(asked)
        assert set(answered) <= set(texts)
        history = await store.block_history(direct().agent_id, "human")
        done = [past.value for past in history if past.value]
        # What waited when the process died is answered together.
        covered = [one for past in done for one in past.removeprefix("answer to ").split(" and ")]
        assert covered == [f"question {number}" for number in asked[: len(covered)]]
        assert (await store.counts(direct())).passages == len(done)
        assert len(asked) - len(covered) <= 1
        waiting = await store.outbox_due("slack", NOON, 99)
        assert len(waiting) <= 1
        assert [item.file.content.decode() for item in waiting] == [it.text for it in waiting]
        await store.close()
