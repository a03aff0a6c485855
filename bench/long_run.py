"""A long conversation in a small window, with everything hostile that people and models do.

    python -m bench.long_run [--messages 5000] [--window 4096] [--seed 1]

A room with several speakers and two direct conversations; messages of one character and of 100 kB,
in many scripts; a model that answers in every shape, fails, repeats itself and floods; summaries
that fail; bursts, restarts, and ends in the middle of a turn. Every request is looked at as it goes
over the wire, and at the end every message is searched for. ``tests/scenarios/test_long_run.py``
runs the same, shorter.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from bench.engine_rig import EngineRig
from bench.hostile import HostileModel, Writer
from bench.report import report
from bench.wire_audit import WireAudit, broken_rules
from engine.chat_model import ModelRequest
from engine.config import EngineConfig, ModelConfig
from engine.events import summary_payload
from engine.hooks import MemoryFlushed, TurnFinished
from engine.records import IncomingEvent, RecallSearch, Scope
from engine.testing import FixedClock, HashEmbedder
from tests.engine.builders import dm_scope, event, room_scope

MESSAGES: Final = 5_000
WINDOW_TOKENS: Final = 4_096
_RESTART_EVERY: Final = 61
_BURST_EVERY: Final = 41
_BURST: Final = 4
_TENTHS: Final = 10
_ROOM: Final = ("ada", "bob", "cem", "dot", "eve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message that must be found again."""

    id: str
    word: str
    scope: Scope


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run has shown; ``problems`` is empty when every promise was kept."""

    messages: int = 0
    told: list[Told] = field(default_factory=list)
    not_found: list[Told] = field(default_factory=list)
    leaked: list[Told] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    turn_seconds: list[float] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)


class LongRun:
    """One run in a folder of its own.

    Args:
        folder: Where the database goes.
        seed: Decides every message and every answer.
        window_tokens: The context window.
    """

    def __init__(self, folder: Path, *, seed: int, window_tokens: int = WINDOW_TOKENS) -> None:
        self.audit = WireAudit(window_tokens)
        self.outcome = Outcome()
        self._rng = random.Random(seed)
        self._writer = Writer(seed)
        self._clock = FixedClock(datetime(2026, 11, 21, 10, tzinfo=UTC))
        self._model = HostileModel(seed, self._watch)
        self._watching = 0.0
        self._before: dict[str, tuple[object, ModelRequest]] = {}
        self._summarised: set[str] = set()
        self._speaking: Scope | None = None
        config = EngineConfig(model=ModelConfig(model="gpt-5-mini"))
        config = replace(config, memory=replace(config.memory, context_tokens=window_tokens))
        self._rig = EngineRig(
            folder / "membot.db",
            self._model,
            config,
            embedder=HashEmbedder,
            hook=self._note,
            clock=self._clock,
        )

    async def run(self, messages: int) -> Outcome:
        """Say so many messages and look at everything that comes of it."""
        await self._rig.open()
        while self.outcome.messages < messages:
            number = self.outcome.messages
            if number % _RESTART_EVERY == _RESTART_EVERY - 1:
                await self._end_within_a_turn()
            elif number % _BURST_EVERY == _BURST_EVERY - 1:
                await self._burst()
            else:
                await self._turn()
        await self._search_for_all()
        await self._rig.close()
        self.outcome.problems += self.audit.problems
        return self.outcome

    def figures(self) -> dict[str, object]:
        """One line of the table."""
        outcome = self.outcome
        return {
            "messages": outcome.messages,
            "requests": self.audit.requests,
            "largest_request_tokens": self.audit.largest_tokens,
            "flushes": outcome.happened["MemoryFlushed"],
            "summaries_failed": self._model.summaries_failed,
            "restarts": outcome.happened["restart"],
            "found_again": f"{len(outcome.told) - len(outcome.not_found)} of {len(outcome.told)}",
            "problems": len(outcome.problems),
            "turn_ms_by_tenth": _medians_ms(outcome.turn_seconds),
        }

    def _note(self, happened: object) -> None:
        self.outcome.happened[type(happened).__name__] += 1
        if isinstance(happened, TurnFinished):
            self.outcome.happened[f"turn {happened.state}"] += 1
        if isinstance(happened, MemoryFlushed) and happened.mechanical:
            self.outcome.happened["mechanical summary"] += 1

    async def _turn(self) -> None:
        said, word = self._next()
        self._watching = 0.0
        started = time.perf_counter()
        result = await self._rig.say(said)
        self.outcome.turn_seconds.append(time.perf_counter() - started - self._watching)
        self._told(result.turn_id, word, said.scope)
        if not result.replies and result.state == "done":
            self.outcome.problems.append("a person was left in silence")
        await self._look_at_window(said.scope)

    async def _burst(self) -> None:
        """Several messages of one conversation before the first is answered."""
        said, word = self._next()
        burst = [(said, word), *(self._next(said.scope) for _ in range(_BURST - 1))]
        accepted = [await self._rig.dispatcher.submit(said) for said, _ in burst]
        for (said, word), one in zip(burst, accepted, strict=True):
            assert one.turn_id
            await self._rig.dispatcher.wait_turn(one.turn_id)
            self._told(one.turn_id, word, said.scope)
        await self._look_at_window(said.scope)

    async def _end_within_a_turn(self) -> None:
        said, word = self._next()
        accepted = await self._rig.dispatcher.submit(said)
        for _ in range(self._rng.randint(0, 40)):
            await asyncio.sleep(0)
        await self._rig.restart()
        assert accepted.turn_id
        self.outcome.happened["restart"] += 1
        self._told(accepted.turn_id, word, said.scope)
        await self._look_at_window(said.scope)

    def _next(self, scope: Scope | None = None) -> tuple[IncomingEvent, str]:
        number = self.outcome.messages
        self.outcome.messages += 1
        scope = scope or self._somebody()
        self._speaking = scope
        earlier = [told for told in self.outcome.told if told.scope.agent_id == scope.agent_id]
        self._model.look_for([(told.word, told.id) for told in earlier])
        text, word = self._writer.message(number)
        at = self._clock.advance(self._rng.uniform(1, 900))
        name = str(scope.speaker).rpartition("/")[2].capitalize()
        return event(text, scope=scope, name=name, sent_at=at, key=str(number)), word

    def _somebody(self) -> Scope:
        where = self._rng.random()
        if where < 0.5:
            return room_scope(self._rng.choice(_ROOM))
        return dm_scope("ada" if where < 0.8 else "bob")

    def _told(self, message_id: str, word: str, scope: Scope) -> None:
        if word:
            self.outcome.told.append(Told(id=message_id, word=word, scope=scope))

    async def _watch(self, request: ModelRequest) -> None:
        """What the model is about to be asked: its size, its form, and what it begins with."""
        started = time.perf_counter()
        self.audit.look_at(request)
        if request.purpose == "turn" and self._speaking:
            await self._compare_with_before(request, self._speaking)
        self._watching += time.perf_counter() - started

    async def _compare_with_before(self, request: ModelRequest, scope: Scope) -> None:
        """While no block is edited and nothing leaves, a request begins with the one before."""
        window = await self._rig.store.load_window(scope)
        blocks = tuple((block.label, block.version) for block in window.blocks if block.value)
        state = (blocks, window.summary)
        head = (summary_payload(window.summary.text),) if window.summary else ()
        if request.messages != head + tuple(message.payload for message in window.queue):
            self.outcome.happened["shown cut"] += 1
            self._before.pop(scope.conversation_id, None)
            return
        before = self._before.get(scope.conversation_id)
        self._before[scope.conversation_id] = (state, request)
        if before is None or before[0] != state:
            return
        self.outcome.happened["compared"] += 1
        # The memory agent may have edited a block while the earlier request was on its way.
        late = (block.value not in before[1].system for block in window.blocks)
        if request.system != before[1].system and not any(late):
            self.outcome.problems.append("the prefix changed without an edit")
        if request.messages[: len(before[1].messages)] != before[1].messages:
            self.outcome.problems.append("the queue was not only appended to")

    async def _look_at_window(self, scope: Scope) -> None:
        """What is stored is a valid queue, and a summary stands for everything before it."""
        window = await self._rig.store.load_window(scope)
        entries = [json.loads(message.payload) for message in window.queue]
        self.outcome.problems += [f"stored: {problem}" for problem in broken_rules(entries)]
        had_one = scope.conversation_id in self._summarised
        if window.summary is None:
            if had_one:
                self.outcome.problems.append("a summary was lost")
            return
        self._summarised.add(scope.conversation_id)
        if not window.summary.text.strip():
            self.outcome.problems.append("a summary says nothing")
        if window.queue and window.queue[0].seq <= window.summary.through_seq:
            self.outcome.problems.append("a message stands in the queue and in the summary")

    async def _search_for_all(self) -> None:
        """Every message by its own word, where it was said and nowhere else."""
        elsewhere = {told.scope.agent_id: told.scope for told in self.outcome.told}
        for told in self.outcome.told:
            search = RecallSearch(query=told.word)
            page = await self._rig.store.search_recall(told.scope, search)
            if told.id not in {hit.id for hit in page.hits}:
                self.outcome.not_found.append(told)
            for agent_id, scope in elsewhere.items():
                if agent_id != told.scope.agent_id:
                    await self._must_not_find(told, scope, search)
        if self._model.found < self._model.searches:
            missed = self._model.searches - self._model.found
            self.outcome.problems.append(f"{missed} searches of the model missed their message")

    async def _must_not_find(self, told: Told, scope: Scope, search: RecallSearch) -> None:
        page = await self._rig.store.search_recall(scope, search)
        if any(hit.id == told.id for hit in page.hits):
            self.outcome.leaked.append(told)


def _medians_ms(seconds: list[float]) -> list[float]:
    """The median turn of each tenth of a run: the windows fill up in the first one."""
    bounds = [len(seconds) * tenth // _TENTHS for tenth in range(_TENTHS + 1)]
    tenths = [seconds[start:end] for start, end in pairwise(bounds) if start < end]
    return [round(1000 * statistics.median(tenth), 1) for tenth in tenths]


async def run(options: argparse.Namespace) -> None:
    """The run, and its line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        long_run = LongRun(Path(folder), seed=options.seed, window_tokens=options.window)
        outcome = await long_run.run(options.messages)
    report("long_run", [long_run.figures()])
    for problem, times in Counter(outcome.problems).most_common(20):
        print(f"{times} x {problem}")
    print(dict(outcome.happened))


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--window", type=int, default=WINDOW_TOKENS)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
