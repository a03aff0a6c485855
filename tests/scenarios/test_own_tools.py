"""Promise: an operator's tools work, whatever they do, and only where and for whom they should."""

from dataclasses import replace

import pytest

from engine.answer_files import AnswerFile
from engine.own_tools import Threads, ToolLimits, TurnView, own_tool
from engine.records import RecallSearch
from engine.testing import call
from tests.bots.processes import membot
from tests.engine.builders import ADA, dm_scope, room_scope
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture
from tests.fixtures.model_server import ModelServer, tool_calls

MODULE = '''
__all__ = ["roll_dice"]

def roll_dice(sides: int) -> list[int]:
    """Roll a die."""
    return [sides]
'''


@pytest.fixture
def memory():
    return {"context_tokens": 8192}


def weather(city: str, context: TurnView) -> dict[str, str]:
    """Tell the weather.

    Args:
        city: Where.
    """
    if city == "Atlantis":
        raise LookupError("no such city: a secret of the server")
    return {"city": city, "sky": "clear" * (50_000 if city == "Flood" else 1)}


PNG = b"\x89PNG\r\n\xff"


def chart(name: str = "chart.png", size: int = 1) -> AnswerFile:
    """Draw a chart.

    Args:
        name: Of the file.
        size: How often it is drawn.
    """
    return AnswerFile(name=name, content="no bytes" if name == "text.md" else PNG * size)


def bring(rig, function, **limits):
    limits = ToolLimits(**{"places": ("*",), "seconds": 5, **limits})
    rig.own_tools = (own_tool(function, limits, Threads()),)
    rig.start_engine()


class TestAFileOfAnOwnTool:
    async def due(self, rig):
        items = []
        while due := await rig.store.outbox_due("console", rig.clock(), 9):
            for item in due:
                items.append((item.text, item.file))
                await rig.store.mark_sent(item.id, "ref", rig.clock())
        return items

    async def test_goes_to_the_person_before_what_is_said_of_it(self, rig):
        bring(rig, chart)
        rig.script(
            call("chart", name="../sales.png", request_heartbeat=True),
            call("send_message", message="There you are."),
        )
        await rig.say("Draw it")
        file = AnswerFile(name="sales.png", content=PNG)
        assert await self.due(rig) == [("`sales.png`", file), ("There you are.", None)]
        assert "The person got sales.png (7 bytes)." in rig.model.requests[1].messages[-1]
        found = await rig.store.search_recall(dm_scope(), RecallSearch(query="sales.png"))
        assert found.hits[0].text == "`sales.png`"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"name": "chart.exe"}, "name must end"),
            ({"size": 2_000_000}, "larger than 8,000,000 bytes"),
            ({"size": 0}, "made an empty file"),
            ({"name": "text.md"}, "chart failed with an error of its own (TypeError"),
        ],
    )
    async def test_that_may_not_be_sent_is_a_failed_result(self, rig, arguments, words):
        bring(rig, chart)
        rig.script(call("chart", **arguments), call("send_message", message="Sorry."))
        await rig.say("Draw it")
        assert words in rig.model.requests[1].messages[-1]
        assert await self.due(rig) == [("Sorry.", None)]


class TestAnOwnTool:
    async def test_is_offered_called_and_answered_from(self, rig):
        bring(rig, weather)
        rig.script(
            call("weather", city="Berlin", request_heartbeat=True),
            call("send_message", message="It is clear."),
        )
        result = await rig.say("How is the weather in Berlin?")
        assert result.replies == ("It is clear.",)
        first, second = rig.model.requests
        assert "weather" in {spec.name for spec in first.tools}
        assert "sky" in second.messages[-1]
        assert first.tools == second.tools

    async def test_that_fails_lets_the_model_go_on_and_tells_nobody_its_secret(self, rig, caplog):
        bring(rig, weather)
        rig.script(
            call("weather", city="Atlantis"), call("send_message", message="I can't find it.")
        )
        result = await rig.say("And in Atlantis?")
        assert result.state == "done"
        shown = rig.model.requests[1].messages[-1]
        assert "LookupError" in shown
        assert "secret" not in shown + caplog.text

    async def test_that_floods_is_cut_to_its_share_of_the_window(self, rig):
        bring(rig, weather)
        rig.script(
            call("weather", city="Flood", request_heartbeat=True),
            call("send_message", message="Clear."),
        )
        await rig.say("Flood?")
        shown = rig.model.requests[1].messages[-1]
        assert "characters are shown]" in shown
        assert len(shown) < 2 * rig.config.memory.result_chars

    async def test_too_big_for_the_window_does_not_brick_the_agent(self, rig):
        def encyclopedia(topic: str) -> str:
            return topic

        encyclopedia.__doc__ = "Know everything. " * 2000
        bring(rig, encyclopedia)
        assert (await rig.answer(reply="Hello.")).replies == ("Hello.",)
        assert "encyclopedia" not in {spec.name for spec in rig.model.requests[0].tools}

    async def test_of_one_place_is_not_there_at_another(self, rig):
        bring(rig, weather, places=("console:local/channel/*",))
        await rig.answer(scope=room_scope())
        await rig.answer(scope=dm_scope())
        in_room, in_dm = ([spec.name for spec in it.tools] for it in rig.model.requests)
        assert [name for name in in_room if name not in in_dm] == ["weather"]

    async def test_of_admins_is_refused_to_others_with_the_same_prompt(self, rig):
        rig.config = replace(rig.config, admins=frozenset({ADA}))
        bring(rig, weather, admins_only=True)
        room = {name: room_scope(name) for name in ("ada", "bob")}
        for name in ("ada", "bob"):
            rig.script(
                call("weather", city="Berlin", request_heartbeat=True),
                call("send_message", message="So."),
            )
            await rig.say(scope=room[name])
        adas, bobs = rig.model.requests[1], rig.model.requests[3]
        assert "clear" in adas.messages[-1]
        assert "Only an admin" in bobs.messages[-1]
        assert adas.tools == bobs.tools


class TestAsAProcess:
    async def test_a_module_beside_the_configuration_is_called(self, tmp_path):
        (tmp_path / "my_dice.py").write_text(MODULE)
        (tmp_path / "membot.toml").write_text('[tools]\nmodules = ["my_dice"]\n')
        async with ModelServer() as server:
            server.respond = _rolls_then_tells
            answered = await membot(
                tmp_path, "chat", text="Roll a die\n", OPENAI_BASE_URL=server.url
            )
        assert answered.out.strip() == "It shows [6]."

    async def test_a_tool_that_prints_does_not_break_into_the_replies(self, tmp_path):
        (tmp_path / "my_dice.py").write_text(MODULE.replace("return", "print('noise'); return"))
        (tmp_path / "membot.toml").write_text('[tools]\nmodules = ["my_dice"]\n')
        async with ModelServer() as server:
            server.respond = _rolls_then_tells
            ended = await membot(tmp_path, "chat", text="Roll!\n", OPENAI_BASE_URL=server.url)
        assert (ended.out.strip(), "noise" in ended.err) == ("It shows [6].", True)

    async def test_a_tool_that_hangs_does_not_hold_up_the_end(self, tmp_path):
        text = '__all__ = ["roll_dice"]\n\ndef roll_dice(sides: int) -> int:\n    "Roll."\n'
        (tmp_path / "my_dice.py").write_text(text + "    import time; time.sleep(1000)\n")
        table = '[tools]\nmodules = ["my_dice"]\ntimeout_seconds = 0.2\n'
        (tmp_path / "membot.toml").write_text(table)
        async with ModelServer() as server:
            server.respond = _rolls_then_gives_up
            ended = await membot(tmp_path, "chat", text="Roll!\n", OPENAI_BASE_URL=server.url)
        assert (ended.code, ended.out.strip()) == (0, "The die hangs.")

    async def test_a_broken_module_is_one_sentence_and_exit_code_2(self, tmp_path):
        (tmp_path / "my_dice.py").write_text("import nothing_like_this")
        (tmp_path / "membot.toml").write_text('[tools]\nmodules = ["my_dice"]\n')
        ended = await membot(tmp_path, "chat", text="Hello\n")
        assert ended.code == 2
        assert ended.err.count("\n") == 1
        assert "my_dice cannot be imported" in ended.err


def _rolls_then_tells(body):
    last = body["messages"][-1]
    if last["role"] == "tool":
        shown = last["content"].split('"message": "')[1].split('"')[0]
        return tool_calls(("send_message", {"message": f"It shows {shown}."}))
    return tool_calls(("roll_dice", {"sides": 6, "request_heartbeat": True}))


def _rolls_then_gives_up(body):
    if body["messages"][-1]["role"] == "tool":
        assert "no answer within 0.2 seconds" in body["messages"][-1]["content"]
        return tool_calls(("send_message", {"message": "The die hangs."}))
    return tool_calls(("roll_dice", {"sides": 6}))
