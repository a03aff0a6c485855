"""What the log says of what happened, and what it keeps to itself."""

import logging

import pytest

from bots.observing import FieldFormatter, Metrics, both, log_hook, set_up_logging
from engine.hooks import (
    Delivered,
    MemoryFlushed,
    MemoryPressure,
    ModelCalled,
    ToolCalled,
    TurnFinished,
)

TURN = TurnFinished(agent_id="a", turn_id="t", state="done", steps=2, seconds=0.5)
OTHERS = (
    ModelCalled(
        agent_id="a",
        model="m",
        purpose="turn",
        input_tokens=7,
        cached_tokens=0,
        output_tokens=3,
        seconds=0.2,
    ),
    ToolCalled(agent_id="a", tool="send_message", ok=True),
    MemoryPressure(agent_id="a", conversation_id="c", used_tokens=7, context_tokens=10),
    MemoryFlushed(agent_id="a", conversation_id="c", messages=3, tokens=5, mechanical=False),
    Delivered(platform="slack", state="sent", attempts=1, parts=1),
)


@pytest.fixture
def root_logger():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


class TestLog:
    def test_has_one_info_line_a_turn(self, caplog):
        with caplog.at_level(logging.INFO, logger="membot"):
            for event in (TURN, *OTHERS):
                log_hook(event)
        (record,) = caplog.records
        assert (record.agent_id, record.steps, record.state) == ("a", 2, "done")

    def test_shows_the_rest_when_debugging(self, caplog):
        with caplog.at_level(logging.DEBUG, logger="membot"):
            for event in OTHERS:
                log_hook(event)
        assert [record.getMessage() for record in caplog.records] == [
            type(event).__name__ for event in OTHERS
        ]

    def test_writes_extra_fields_after_the_line(self):
        record = logging.makeLogRecord({"msg": "turn finished", "agent_id": "a", "steps": 2})
        assert FieldFormatter().format(record) == "turn finished agent_id=a steps=2"

    def test_goes_to_standard_error_and_silences_libraries(self, root_logger, capsys):
        set_up_logging("INFO")
        logging.getLogger("membot").info("hello")
        logging.getLogger("httpx").info("GET http://secret")
        shown = capsys.readouterr()
        assert "hello" in shown.err
        assert "secret" not in shown.err
        assert shown.out == ""


class TestMetrics:
    def test_take_every_event(self):
        metrics = Metrics()
        heard = []
        hook = both([metrics.hook, heard.append])
        for event in (TURN, *OTHERS, object()):
            hook(event)
        text = metrics.text().decode()
        assert len(heard) == 7
        assert 'membot_tool_calls_total{ok="true",tool="send_message"} 1.0' in text
        assert "membot_memory_alerts_total 1.0" in text
        assert 'membot_memory_flushes_total{mechanical="false"} 1.0' in text

    def test_of_two_bots_are_apart(self):
        one, two = Metrics(), Metrics()
        one.hook(TURN)
        assert 'state="done"' not in two.text().decode()
