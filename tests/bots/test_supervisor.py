"""An adapter that ends is started again, and no other one notices."""

import asyncio
import logging

import pytest

from bots.supervisor import Backoff, supervise
from engine.errors import BadSettings, OperatorError

QUICK = Backoff(first_seconds=0.0, cap_seconds=0.0, settings_seconds=0.0)


class Adapter:
    """Ends as scripted, then serves until cancelled."""

    platform = "slack"

    def __init__(self, *ends):
        self.ends = list(ends)
        self.starts = 0
        self.serving = asyncio.Event()
        self.cancelled = False

    async def run(self):
        self.starts += 1
        if self.ends:
            end = self.ends.pop(0)
            if end:
                raise end
            return
        self.serving.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True


async def supervised(adapter):
    task = asyncio.create_task(supervise(adapter, QUICK))
    await asyncio.wait_for(adapter.serving.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "end", [None, OperatorError("No network."), ValueError("odd"), BadSettings("Wrong token.")]
)
async def test_whatever_ended_it_an_adapter_is_started_again(end):
    adapter = Adapter(end, end)
    await supervised(adapter)
    assert adapter.starts == 3


async def test_the_end_of_the_bot_ends_the_adapter():
    adapter = Adapter()
    await supervised(adapter)
    assert adapter.cancelled


async def test_the_log_has_the_sentence_and_never_the_words_of_an_unforeseen_error(caplog):
    with caplog.at_level(logging.ERROR):
        await supervised(Adapter(BadSettings("Wrong token."), ValueError("hush")))
    assert "Wrong token." in caplog.text
    assert "ValueError" in caplog.text
    assert "hush" not in caplog.text
