"""What leaves a queue: enough, the oldest first, never between a call and its result."""

import json
from dataclasses import replace
from itertools import count

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.wire_audit import broken_rules
from engine.config import MemoryConfig
from engine.context_window import MESSAGE_OVERHEAD_TOKENS, ContextWindow
from engine.errors import ModelUnavailable
from engine.events import assistant_payload, result_payload, user_payload
from engine.memory_tools import memory_tools
from engine.prompts import load_prompt
from engine.queue_manager import QueueManager, cut_place
from engine.records import Block, MemoryCounts, Window
from engine.summarizer import Summarizer
from engine.testing import FixedClock, ScriptedChatModel, calls, say
from engine.tokens import TokenCounter
from tests.engine.builders import NOON, dm_scope, event, message

ENTRIES = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.integers(0, 500)), max_size=40
)


def queue_of(entries):
    return [
        message(role=role, tokens=tokens, seq=seq) for seq, (role, tokens) in enumerate(entries, 1)
    ]


class TestCutPlace:
    def test_leaves_about_what_is_wanted(self):
        queue = queue_of([("user", 100)] * 10)
        assert cut_place(queue, 5 * (100 + MESSAGE_OVERHEAD_TOKENS), 3) == 5

    def test_takes_a_result_along_with_its_call(self):
        queue = queue_of([("user", 10), ("assistant", 10), ("tool", 10), ("tool", 10)] * 3)
        assert cut_place(queue, 20, 3) == 4

    def test_keeps_the_last_messages_whatever_they_weigh(self):
        queue = queue_of([("user", 5000)] * 3)
        assert cut_place(queue, 10_000, 3) == 0

    def test_gives_back_a_call_whose_results_must_stay(self):
        queue = queue_of([("user", 10), ("assistant", 10), ("tool", 10), ("tool", 10)])
        assert cut_place(queue, 1000, 2) == 1

    @given(ENTRIES, st.floats(0, 5000), st.integers(0, 5))
    def test_never_splits_a_call_from_its_result(self, entries, wanted, keep_last):
        queue = queue_of(entries)
        place = cut_place(queue, wanted, keep_last)
        assert 0 <= place <= max(0, len(queue) - keep_last)
        assert place == 0 or place == len(queue) or queue[place].role != "tool"


class Shelf:
    """A window in memory, with what a flush does to it."""

    def __init__(self):
        self.window = Window(
            agent_id=dm_scope().agent_id,
            blocks=(Block(label="human"),),
            counts=MemoryCounts(),
            summary=None,
            prepared=None,
            queue=(),
            warned=False,
        )
        self.gone = []
        self._seqs = count(1)

    def add(self, role, payload, counter):
        tokens = counter.count_now(payload)
        entry = message(
            role=role, payload=payload, text=payload, tokens=tokens, seq=next(self._seqs)
        )
        self.window = replace(self.window, queue=(*self.window.queue, entry))

    async def load_window(self, _):
        return self.window

    async def save_flush(self, _, summary, *__):
        left = [item for item in self.window.queue if item.seq <= summary.through_seq]
        assert left
        assert summary.text
        self.gone += left
        kept = self.window.queue[len(left) :]
        self.window = replace(self.window, queue=kept, summary=summary, prepared=None)

    async def save_prepared_summary(self, _, summary, *__):
        self.window = replace(self.window, prepared=summary)


TURNS = st.lists(
    st.tuples(
        st.sampled_from(["plain", "one call", "three calls", "edit", "prepare"]),
        st.sampled_from(["word ", "のは", "🫠", '"\\\n', "a"]),
        st.integers(1, 400),
    ),
    min_size=1,
    max_size=15,
)


class TestRandomTurns:
    @settings(max_examples=25, deadline=None)
    @example(turns=[("three calls", "🫠", 19), ("edit", "🫠", 259)], failing=0)
    @given(turns=TURNS, failing=st.integers(0, 3))
    async def test_every_request_fits_is_valid_and_loses_nothing(self, turns, failing):
        config, counter, shelf = MemoryConfig(context_tokens=4096), TokenCounter("m"), Shelf()
        model = ScriptedChatModel([ModelUnavailable()] * failing, otherwise=say("A summary."))
        specs = tuple(tool.spec for tool in memory_tools())
        context = ContextWindow(
            system_text=load_prompt("system"), tools=lambda _: specs, counter=counter, config=config
        )
        manager = QueueManager(
            store=shelf,
            context=context,
            summarizer=Summarizer(
                model=model, counter=counter, config=config, now=FixedClock(), zone=NOON.tzinfo
            ),
            config=config,
            hook=lambda _: None,
            flushed=lambda _: None,
        )
        for kind, piece, times in turns:
            await self.take_turn(shelf, counter, kind, piece * times)
            ready = await manager.ready(dm_scope())
            if kind == "prepare":
                manager.prepare(dm_scope(), replace(ready.fill, used_tokens=4096))
            assert counter.request_tokens(ready.request) <= context.limit_tokens
            assert broken_rules(map(json.loads, ready.request.messages)) == []
            held = [*shelf.gone, *shelf.window.queue]
            assert [item.seq for item in held] == list(range(1, len(held) + 1))
            assert bool(shelf.gone) == (shelf.window.summary is not None)
        await manager.close()

    async def take_turn(self, shelf, counter, kind, text):
        shelf.add("user", user_payload(event(), text[:900], NOON.tzinfo), counter)
        if kind == "edit":
            shelf.window = replace(shelf.window, blocks=(Block(label="human", value=text),))
        number = {"one call": 1, "three calls": 3}.get(kind, 0)
        made = calls(*[("f", {"text": text[:50]})] * number).tool_calls
        shelf.add("assistant", assistant_payload("Yes.", made), counter)
        for one in made:
            entry = result_payload(one.id, text[:600], NOON, NOON.tzinfo, ok=True)
            shelf.add("tool", entry, counter)
