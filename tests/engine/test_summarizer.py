"""A summary stands for what has left, however much that was and whatever the model says."""

import pytest

from engine.config import MemoryConfig
from engine.errors import ModelUnavailable
from engine.summarizer import Summarizer
from engine.testing import FixedClock, ScriptedChatModel, say
from engine.tokens import TokenCounter, carried_data
from tests.engine.builders import NOON, message

CONFIG = MemoryConfig(context_tokens=4096)
MOST_TOKENS = 400


@pytest.fixture(scope="module")
def counter():
    return TokenCounter("gpt-5-mini", carried_data())


def summarizer(counter, *replies):
    model = ScriptedChatModel(replies, otherwise=ModelUnavailable())
    made = Summarizer(
        model=model, counter=counter, config=CONFIG, now=FixedClock(), zone=NOON.tzinfo
    )
    return made, model


class TestSizes:
    @pytest.mark.parametrize("text", ["のは" * 9000, "a" * 9000, "word " * 9000, "🫠" * 9000])
    async def test_a_summary_takes_its_share_and_no_more(self, counter, text):
        made, _ = summarizer(counter, say(text))
        summary = (await made.summarize(None, [message(seq=1)], MOST_TOKENS)).summary
        assert summary.tokens <= MOST_TOKENS
        assert summary.text

    async def test_a_mechanical_one_does_not_grow_from_flush_to_flush(self, counter):
        made, _ = summarizer(counter)
        summary = None
        for number in range(1, 20):
            leaving = [message(seq=number, text="のはひふへほ" * 200)]
            summary = (await made.summarize(summary, leaving, MOST_TOKENS)).summary
            assert summary.tokens <= MOST_TOKENS
        assert summary.mechanical

    @pytest.mark.parametrize("text", ["のはひふ" * 900, "plain words " * 300, "🫠🏳️‍🌈" * 900])
    async def test_what_is_asked_of_the_model_fits_the_window(self, counter, text):
        made, model = summarizer(counter, say("All about it."))
        leaving = [message(seq=seq, text=text) for seq in range(1, 60)]
        await made.summarize(None, leaving, MOST_TOKENS)
        [request] = model.requests
        assert counter.request_tokens(request) + request.max_output_tokens <= 4096
