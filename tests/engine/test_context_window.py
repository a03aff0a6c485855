"""What is too big is stored whole and shown cut: no window is ever bricked by what is in it."""

import json
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.byte_pairs import load_counter
from engine.config import MemoryConfig
from engine.context_window import ContextWindow, Fitter, cut_payload
from engine.events import assistant_payload, result_payload, summary_payload, user_payload
from engine.memory_tools import memory_tools
from engine.prompts import load_prompt
from engine.records import Block, MemoryCounts, Summary, Window
from engine.testing import call, calls
from engine.tokens import TokenCounter, carried_data
from tests.engine.builders import NOON, event, message

CONFIG = MemoryConfig(context_tokens=4096)
SPECS = tuple(tool.spec for tool in memory_tools())
COSTLY = '🏳️‍🌈🫠の"\\\n'  # several tokens a character, and more where it is quoted


@cache
def exact_counter():
    counter = TokenCounter("gpt-5-mini")
    counter._exact = load_counter("o200k_base", carried_data())
    return counter


@pytest.fixture(scope="module")
def counter():
    return exact_counter()


@pytest.fixture
def context(counter):
    return ContextWindow(
        system_text=load_prompt("system"),
        tools=lambda _: SPECS,
        counter=counter,
        config=CONFIG,
    )


def window(*queue, blocks=(), summary=None):
    return Window(
        agent_id="console:local/user/ada",
        blocks=blocks,
        counts=MemoryCounts(),
        summary=summary,
        prepared=None,
        queue=queue,
        warned=False,
    )


class TestBlocks:
    @pytest.mark.parametrize("text", ["word " * 400, COSTLY * 300])
    def test_too_big_a_set_is_shown_cut_with_a_note(self, context, counter, text):
        blocks = tuple(Block(label=f"b{n}", value=text) for n in range(8))
        request = context.build(window(blocks=blocks))
        assert counter.request_tokens(request) < context.limit_tokens * 0.75
        assert "characters are shown]" in request.system
        assert all(f'label="b{n}"' in request.system for n in range(8))

    def test_that_fit_are_shown_whole(self, context):
        value = "Plays the cello. " * 30
        assert value in context.build(window(blocks=(Block(label="human", value=value),))).system


class TestEntries:
    @pytest.mark.parametrize("text", ["plain " * 9000, COSTLY * 9000, "a" * 100_000, ""])
    async def test_of_any_text_take_no_more_than_their_share(self, counter, text):
        fitter = Fitter(counter, CONFIG.message_tokens)
        entry, tokens = await fitter.fit(
            text, lambda shown: user_payload(event(), shown, NOON.tzinfo)
        )
        assert counter.count_now(entry) == tokens <= CONFIG.message_tokens
        assert json.loads(json.loads(entry)["content"])["type"] == "user_message"

    async def test_that_fit_stay_as_they_are(self, counter):
        entry = assistant_payload("Just so.", call("send_message", message="Hi").tool_calls)
        assert (await Fitter(counter, 1000).fit_entry(entry))[0] == entry

    async def test_of_an_answer_keep_their_calls(self, counter):
        made = calls(
            ("archival_memory_insert", {"content": COSTLY * 5000, "request_heartbeat": True}),
            ("send_message", {"message": "word " * 5000}),
        )
        entry = assistant_payload("text " * 5000, made.tool_calls)
        shown, tokens = await Fitter(counter, 1000).fit_entry(entry)
        functions = [item["function"] for item in json.loads(shown)["tool_calls"]]
        assert tokens <= 1000
        assert [item["name"] for item in functions] == ["archival_memory_insert", "send_message"]
        assert json.loads(functions[0]["arguments"])["request_heartbeat"] is True

    def test_a_cut_list_becomes_text(self):
        entry = assistant_payload(None, call("f", tags=["red"] * 50).tool_calls)
        shown = json.loads(cut_payload(entry, 40))["tool_calls"][0]["function"]["arguments"]
        assert json.loads(shown)["tags"].endswith("characters are shown]")


PIECES = st.tuples(st.text(min_size=1, max_size=12), st.integers(1, 150))


class TestShrinking:
    @settings(max_examples=25, deadline=None)
    @given(pieces=st.lists(PIECES, min_size=3, max_size=6), exact=st.booleans())
    def test_makes_every_window_fit(self, pieces, exact):
        value, summary, *texts = (piece * times for piece, times in pieces)
        counter = exact_counter() if exact else TokenCounter("gpt-5-mini")
        context = ContextWindow(
            system_text=load_prompt("system"),
            tools=lambda _: SPECS,
            counter=counter,
            config=CONFIG,
        )
        size = counter.count_now(summary_payload(summary))
        kept = Summary(text=summary, through_seq=1, tokens=size, created_at=NOON)
        payloads = [user_payload(event(), text, NOON.tzinfo) for text in texts]
        payloads[0] = assistant_payload(None, call("send_message", message=texts[0]).tool_calls)
        payloads.insert(1, result_payload("call_1", "Sent.", NOON, NOON.tzinfo, ok=True))
        queue = [message(payload=text, tokens=counter.count_now(text)) for text in payloads]
        full = window(*queue, blocks=(Block(label="human", value=value),), summary=kept)
        excess = context.measure(full).used_tokens - context.limit_tokens
        request = context.shrink(context.build(full), excess)
        assert counter.request_tokens(request) <= context.limit_tokens
        assert len(request.messages) == len(queue) + 1

    def test_leaves_what_is_small_alone(self, context, counter):
        small = user_payload(event(), "Hello", NOON.tzinfo)
        large = user_payload(event(), "word " * 5000, NOON.tzinfo)
        queue = [message(payload=text, tokens=counter.count_now(text)) for text in (small, large)]
        full = window(*queue)
        excess = context.measure(full).used_tokens - context.limit_tokens
        assert context.shrink(context.build(full), excess).messages[0] == small


def test_a_result_of_nothing_is_no_reason_to_cut(context):
    assert context.shrink(replace(context.build(window()), messages=()), 100).messages == ()
