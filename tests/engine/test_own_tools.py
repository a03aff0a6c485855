"""Tools an operator brings along: made from plain functions, and contained."""

import asyncio
import json
import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from engine.chat_model import ToolCall
from engine.errors import BadSettings, ModelMistake
from engine.own_tools import Threads, ToolLimits, TurnView, as_text, own_tool
from engine.places import EVERYWHERE
from engine.testing import FixedClock
from engine.tools import Toolbox
from tests.engine.builders import dm_scope

LIMITS = ToolLimits(places=EVERYWHERE, seconds=5)
CONTEXT = SimpleNamespace(
    scope=dm_scope(),
    turn=SimpleNamespace(speaker_name="Ada", place_name="the terminal"),
    now=FixedClock(),
    zone=ZoneInfo("Europe/Berlin"),
)


def tool(function, *, seconds=5.0, threads=None):
    return own_tool(function, ToolLimits(places=EVERYWHERE, seconds=seconds), threads or Threads())


async def run(function, /, *, seconds=5.0, threads=None, **arguments):
    made = tool(function, seconds=seconds, threads=threads)
    call = ToolCall(id="c", name=function.__name__, arguments=json.dumps(arguments))
    return await Toolbox([made]).run(call, CONTEXT)


def roll(sides: int, times: int = 1) -> list[int]:
    """Roll dice.

    Args:
        sides: Of each die.
        times (int): How often.

    Returns:
        What they show.
    """
    return [sides] * times


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Spot(BaseModel):
    x: int
    colour: Colour


class TestAFunction:
    def test_gives_the_schema_from_its_types_and_docstring(self):
        spec = tool(roll).spec
        assert (spec.name, spec.description) == ("roll", "Roll dice.")
        assert spec.parameters["properties"]["sides"] == {
            "type": "integer",
            "description": "Of each die.",
        }
        assert spec.parameters["properties"]["times"]["description"] == "How often."
        assert spec.parameters["required"] == ["sides"]
        assert "request_heartbeat" in spec.parameters["properties"]

    def test_may_take_models_and_choices_which_stand_whole_in_the_schema(self):
        def paint(spot: Spot) -> str:
            """Paint a spot."""

        field = tool(paint).spec.parameters["properties"]["spot"]
        assert field["properties"]["colour"]["enum"] == ["red", "blue"]
        assert "$ref" not in json.dumps(field)

    async def test_gets_its_arguments_as_it_typed_them(self):
        def paint(spot: Spot, at: datetime) -> str:
            """Paint a spot."""
            return f"{spot.colour} {at.year}"

        result = await run(paint, spot={"x": 1, "colour": "red"}, at="2026-01-02T03:04:05Z")
        assert result.message == "Colour.RED 2026"

    async def test_runs_beside_the_event_loop_when_it_is_plain(self):
        def where() -> str:
            """Say where."""
            return threading.current_thread().name

        assert (await run(where)).message == "membot-tool"

    async def test_may_be_async_and_keeps_its_loop_from_call_to_call(self):
        async def where() -> int:
            """Say where."""
            await asyncio.sleep(0)
            return id(asyncio.get_running_loop())

        threads = Threads()
        first, again = [await run(where, threads=threads) for _ in range(2)]
        assert first.message == again.message != str(id(asyncio.get_running_loop()))

    async def test_sees_who_speaks_where_and_when_through_context(self):
        def who(context: TurnView) -> str:
            """Say who."""
            assert context.time.utcoffset().total_seconds() == 3600
            return f"{context.speaker} {context.speaker_name} {context.place} {context.tenant}"

        assert "context" not in tool(who).spec.parameters["properties"]
        assert (await run(who)).message == (
            "console:local/ada Ada console:local/user/ada console:local"
        )

    async def test_may_say_itself_what_the_model_did_wrong(self):
        def pick(name: str) -> str:
            """Pick."""
            raise ModelMistake(f"There is no {name}; take apples.")

        result = await run(pick, name="pear")
        assert (result.ok, result.message) == (False, "There is no pear; take apples.")
        flooded = await run(pick, name="x" * 2_000_000)
        assert len(flooded.message) == 1_000_000


def unnamed(*names):
    """Take anything."""


def typeless(name):
    """Take a name."""


def undocumented(name: str):
    return name


def strange(name: threading.Lock):
    """Take a lock."""


def hidden(_name: str):
    """Take a hidden name."""


class TestWhatIsNoTool:
    @pytest.mark.parametrize(
        ("function", "words"),
        [
            (unnamed, "'names' cannot be filled in"),
            (typeless, "'name' has no type"),
            (undocumented, "no docstring"),
            (strange, "give no schema"),
            (hidden, "'_name' cannot be filled in"),
            (Spot, "no function"),
            ("text", "no function"),
        ],
    )
    def test_is_refused_with_the_reason(self, function, words):
        with pytest.raises(BadSettings, match=words) as refused:
            tool(function)
        assert "\n" not in refused.value.sentence


class TestAToolThatMisbehaves:
    async def test_raises_and_becomes_a_sentence_with_an_id_but_no_text(self, caplog):
        def burn() -> str:
            """Burn."""
            raise ValueError("a secret")

        with caplog.at_level(logging.DEBUG):
            result = await run(burn)
        assert not result.ok
        assert result.message.startswith("burn failed with an error of its own (ValueError, id ")
        (record,) = caplog.records
        assert "test_own_tools.py" in record.getMessage()
        assert "secret" not in caplog.text + result.message

    @pytest.mark.parametrize("problem", [SystemExit, KeyboardInterrupt, StopIteration])
    async def test_raises_what_would_end_the_process(self, problem):
        def leave() -> str:
            """Leave."""
            raise problem

        async def leave_too() -> str:
            """Leave."""
            raise problem

        assert not (await run(leave)).ok
        assert not (await run(leave_too)).ok

    async def test_cancels_itself(self):
        async def stop() -> str:
            """Stop."""
            raise asyncio.CancelledError

        assert "CancelledError" in (await run(stop)).message

    async def test_hangs_in_a_thread_and_is_given_up(self):
        release = threading.Event()

        def hang() -> str:
            """Hang."""
            release.wait(30)
            return "late"

        result = await run(hang, seconds=0.05)
        release.set()
        assert not result.ok
        assert "no answer within 0.05 seconds" in result.message

    async def test_hangs_in_a_coroutine_that_will_not_stop(self):
        release = threading.Event()

        async def cling() -> str:
            """Cling."""
            while not release.is_set():
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)
            return "late"

        result = await run(cling, seconds=0.05)
        release.set()
        assert "given up" in result.message

    async def test_hangs_in_a_coroutine_that_lets_nobody_else_run(self):
        release = threading.Event()

        async def hold() -> str:
            """Hold everything up."""
            release.wait(30)
            return "late"

        result = await run(hold, seconds=0.05)
        assert not release.is_set()
        release.set()
        assert "given up" in result.message

    async def test_hangs_so_often_that_no_thread_is_left_but_never_more_than_so_many(self):
        release, threads = threading.Event(), Threads(at_once=2)
        before = threading.active_count()

        def hang() -> str:
            """Hang."""
            release.wait(30)
            return "late"

        def quick() -> str:
            """Be quick."""
            return "quick"

        results = await asyncio.gather(
            *(run(hang, seconds=0.05, threads=threads) for _ in range(5))
        )
        assert not any(result.ok for result in results)
        assert threading.active_count() == before + 2
        assert not (await run(quick, seconds=0.05, threads=threads)).ok
        release.set()
        assert (await run(quick, threads=threads)).message == "quick"

    async def test_that_was_cancelled_with_its_turn_is_left_behind(self):
        release, threads = threading.Event(), Threads(at_once=1)

        def hang() -> str:
            """Hang."""
            release.wait(30)
            return "late"

        turn = asyncio.ensure_future(run(hang, threads=threads))
        while threads._free._value:
            await asyncio.sleep(0)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        release.set()

    async def test_floods_and_is_cut(self):
        def flood() -> str:
            """Flood."""
            return "x" * 3_000_000

        def flood_of_data() -> list[int]:
            """Flood."""
            return [7] * 3_000_000

        assert len((await run(flood)).message) == 1_000_000
        assert len((await run(flood_of_data)).message) == 1_000_000


class TestAResult:
    @pytest.mark.parametrize(
        ("result", "text"),
        [
            ("plain", "plain"),
            (None, "Done; there is no result to show."),
            (7, "7"),
            ({"ü": [1, None, True]}, '{"ü": [1, null, true]}'),
            (Spot(x=1, colour=Colour.RED), '{"x": 1, "colour": "red"}'),
            ([datetime(2026, 1, 2, tzinfo=UTC)], '["2026-01-02T00:00:00Z"]'),
            ({1}, "[1]"),
            (b"\x00\x01", "(2 bytes of binary data, which cannot be shown.)"),
            ({"a": b"\xff"}, '{"a": "(1 bytes of binary data, which cannot be shown.)"}'),
            (object, "(A result of type type, which cannot be shown as text.)"),
            ({(1, 2): 3}, "(A result of type dict, which cannot be shown as text.)"),
            ("half \ud800", "half ?"),
        ],
    )
    def test_is_text_or_json_or_a_sentence(self, result, text):
        assert as_text(result) == text

    def test_may_be_a_dataclass(self):
        @dataclass
        class Point:
            x: int

        assert as_text(Point(1)) == '{"x": 1}'

    def test_without_an_end_is_a_sentence(self):
        loop = []
        loop.append(loop)
        endless = iter(int, 1)
        deep = []
        for _ in range(100_000):
            deep = [deep]
        for result in (loop, endless, {"a": endless}, deep):
            assert as_text(result).startswith("(A result of type ")
