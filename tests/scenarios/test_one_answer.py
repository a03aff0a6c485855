"""Promise: one answer, whatever crashes; kills at the moments that matter, on the real process."""

import signal

import pytest

from tests.bots.processes import membot, running
from tests.fixtures.model_server import ModelServer, hanging, text, tool_calls

REMEMBER = ("core_memory_append", {"label": "human", "content": "Ada", "request_heartbeat": True})


async def kill_while_the_model_is_asked(folder, model, said):
    async with running(folder, "chat", OPENAI_BASE_URL=model.url) as process:
        process.stdin.write(said)
        await process.stdin.drain()
        await model.asked.wait()
        process.send_signal(signal.SIGKILL)
        await process.wait()


class TestKilledTurns:
    async def test_go_on_from_the_last_stored_step(self, tmp_path):
        async with ModelServer() as model:
            model.script(tool_calls(REMEMBER), hanging(), text("Hello Ada."))
            async with running(tmp_path, "chat", OPENAI_BASE_URL=model.url) as process:
                process.stdin.write(b"I'm Ada\n")
                await process.stdin.drain()
                while len(model.requests) < 2:
                    await model.asked.wait()
                    model.asked.clear()
                process.send_signal(signal.SIGKILL)
                await process.wait()
            resumed = await membot(tmp_path, "chat", OPENAI_BASE_URL=model.url)
            again = await membot(tmp_path, "chat", OPENAI_BASE_URL=model.url)
            shown = await membot(tmp_path, "show", "console:local/user/ada", "--json")
        assert (resumed.out, again.out) == ("Hello Ada.\n", "")
        assert len(model.requests) == 3
        assert shown.out.count('"Ada"') >= 1

    @pytest.mark.parametrize("kills", [1, 3])
    async def test_are_answered_once_however_often_they_were_killed(self, tmp_path, kills):
        async with ModelServer() as model:
            model.script(*[hanging()] * kills, text("Here I am."))
            await kill_while_the_model_is_asked(tmp_path, model, b"are you there?\n")
            for _ in range(kills - 1):
                model.asked.clear()
                await kill_while_the_model_is_asked(tmp_path, model, b"")
            resumed = await membot(tmp_path, "chat", OPENAI_BASE_URL=model.url)
        assert resumed.out == "Here I am.\n"

    async def test_that_kill_the_worker_every_time_are_set_aside_with_a_sentence(self, tmp_path):
        async with ModelServer() as model:
            model.script(*[hanging()] * 5)
            await kill_while_the_model_is_asked(tmp_path, model, b"are you there?\n")
            for _ in range(4):
                model.asked.clear()
                await kill_while_the_model_is_asked(tmp_path, model, b"")
            resumed = await membot(tmp_path, "chat", OPENAI_BASE_URL=model.url)
            next_one = await membot(tmp_path, "chat", text="Hello\n", OPENAI_BASE_URL=model.url)
        assert "set it aside" in resumed.out
        assert next_one.out == "You said: Hello\n"
