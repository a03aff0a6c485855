"""Promise: however long and hostile a conversation is, it fits the window and nothing is lost.

The driver is that of ``make bench``, which goes on for 5,000 messages.
"""

import json

from bench.long_run import LongRun
from bench.wire_audit import WireAudit, broken_rules
from engine.chat_model import ModelRequest

MESSAGES = 200
WINDOW_TOKENS = 4096


def entry(role, content="x", **more):
    return {"role": role, "content": content} | more


def asking(*ids):
    calls = [{"id": name, "function": {"name": "f", "arguments": "{}"}} for name in ids]
    return entry("assistant", None, tool_calls=calls)


class TestALongHostileConversation:
    async def test_fits_the_window_stays_valid_and_is_found_again(self, tmp_path):
        long_run = LongRun(tmp_path, seed=1, window_tokens=WINDOW_TOKENS)
        outcome = await long_run.run(MESSAGES)
        assert outcome.problems == []
        assert (outcome.not_found, outcome.leaked) == ([], [])
        assert len(outcome.told) > 0.9 * MESSAGES
        assert 2000 < long_run.audit.largest_tokens < WINDOW_TOKENS
        for event in ("restart", "MemoryFlushed", "mechanical summary", "compared"):
            assert outcome.happened[event] > 0, event


class TestTheAudit:
    def test_accepts_what_a_server_accepts(self):
        assert broken_rules([entry("user"), asking("a", "b"), result("a"), result("b")]) == []

    def test_sees_what_a_server_refuses(self):
        assert broken_rules([result("a"), entry("user")]) == ["the queue begins with a result"]
        assert broken_rules([asking("a"), entry("user")]) == ["a call has no result"]
        assert broken_rules([entry("user"), asking("a")]) == ["the last call has no result"]
        assert broken_rules([entry("user"), result("a")]) == ["a result does not follow its call"]
        assert broken_rules([entry("assistant", None)]) == ["assistant without content"]
        assert broken_rules([asking("a"), result("b")])[0] == "a result does not follow its call"

    def test_sees_a_request_that_is_too_large(self):
        audit = WireAudit(200)
        payload = json.dumps(entry("user", "word " * 150))
        audit.look_at(
            ModelRequest(purpose="turn", system="", messages=(payload,), max_output_tokens=100)
        )
        assert audit.problems[0].startswith("a turn request of")


def result(name):
    return entry("tool", "x", tool_call_id=name)
