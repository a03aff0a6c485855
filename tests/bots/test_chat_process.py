"""``membot chat`` from outside: pipes, restarts, kills, and what cannot be done."""

import signal

import pytest

from tests.bots.processes import finish, is_one_plain_sentence, membot, running, start
from tests.fixtures.model_server import ModelServer, hanging, tool_calls


class TestPipes:
    @pytest.mark.behaviour("when.dm", "terminal")
    @pytest.mark.behaviour("who.dm", "terminal")
    async def test_what_was_said_is_remembered_after_a_restart(self, tmp_path):
        first = await membot(tmp_path, "chat", text="Hi, I'm Ada and I play the cello.\n")
        second = await membot(tmp_path, "chat", text="What instrument do I play?\n")
        assert (first.code, second.code) == (0, 0)
        assert "cello" in second.out.lower()

    async def test_only_replies_are_on_standard_output(self, tmp_path):
        ended = await membot(tmp_path, "chat", text="Hello\n")
        assert "demo" in ended.err
        assert "No language model is set up" not in ended.out
        assert ended.out.strip()

    async def test_no_input_is_no_output(self, tmp_path):
        ended = await membot(tmp_path, "chat", text="")
        assert (ended.code, ended.out) == (0, "")

    async def test_answers_come_in_the_order_of_the_lines(self, tmp_path):
        async with ModelServer() as model:
            ended = await membot(
                tmp_path, "chat", text="one\ntwo\n\nthree", OPENAI_BASE_URL=model.url
            )
        assert ended.out.splitlines() == ["You said: one", "You said: two", "You said: three"]
        assert "No language model" not in ended.err

    async def test_the_python_module_is_the_command(self, tmp_path):
        assert "Usage: membot" in (await membot(tmp_path, "--help")).out

    @pytest.mark.behaviour("command.status", "terminal")
    @pytest.mark.behaviour("command.new", "terminal")
    async def test_commands_are_answered_too(self, tmp_path):
        ended = await membot(tmp_path, "chat", text="/status\n/new\n/memory\n/quit\nnever read\n")
        assert ended.code == 0
        assert "Memory is kept" in ended.out
        assert "Say which" in ended.out
        assert "never read" not in ended.out

    async def test_bytes_that_are_no_text_are_no_reason_to_end(self, tmp_path):
        ended = await membot(tmp_path, "chat", text=b"caf\xe9 \x00 \xff\nHello\n")
        assert ended.code == 0
        assert ended.out.strip()

    async def test_a_reader_that_leaves_ends_the_chat(self, tmp_path):
        async with running(tmp_path, "chat") as process:
            process.stdin.write(b"Hello\n")
            await process.stdin.drain()
            await process.stdout.readline()
            process._transport.get_pipe_transport(1).close()
            process.stdin.write(b"Hello again\nand again\n")
            await process.stdin.drain()
            assert await process.wait() == 1
            assert b"Traceback" not in await process.stderr.read()


PLAN = {"name": "plan.md", "content": "1. ```tea```\n2. cake", "message": "Your plan."}


class TestFiles:
    async def test_are_shown_and_not_written_to_disk(self, tmp_path):
        async with ModelServer() as model:
            model.script(tool_calls(("send_file", PLAN)))
            ended = await membot(tmp_path, "chat", text="plan\n", OPENAI_BASE_URL=model.url)
        shown = "Your plan.\n\nplan.md:\n````\n1. ```tea```\n2. cake\n````\n"
        assert ended.out == shown
        assert [*tmp_path.rglob("*.md")] == []

    async def test_are_a_field_of_the_object(self, tmp_path):
        async with ModelServer() as model:
            model.script(tool_calls(("send_file", PLAN)))
            ended = await membot(
                tmp_path, "chat", "--json", text="plan\n", OPENAI_BASE_URL=model.url
            )
        (only,) = ended.objects
        assert only["reply"] == "Your plan."
        assert only["files"] == [{"name": "plan.md", "content": PLAN["content"]}]


class TestJson:
    async def test_each_line_is_an_object(self, tmp_path):
        async with ModelServer() as model:
            ended = await membot(
                tmp_path, "chat", "--json", text="hello\nagain\n", OPENAI_BASE_URL=model.url
            )
        first, second = ended.objects
        assert first["user"] == "ada"
        assert first["agent_id"] == "console:local/user/ada"
        assert (first["reply"], second["reply"]) == ("You said: hello", "You said: again")
        assert first["steps"] == 1
        assert first["turn_id"] != second["turn_id"]

    async def test_several_replies_of_a_turn_are_one_object(self, tmp_path):
        twice = [("send_message", {"message": "a"}), ("send_message", {"message": "b"})]
        async with ModelServer() as model:
            model.script(tool_calls(*twice))
            ended = await membot(
                tmp_path, "chat", "--json", text="hello\n", OPENAI_BASE_URL=model.url
            )
        (only,) = ended.objects
        assert only["reply"] == "a\nb"

    @pytest.mark.behaviour("who.room", "terminal")
    async def test_speakers_share_a_room(self, tmp_path):
        text = "Ada: hello\nGrace: hi\nno name\n"
        ended = await membot(tmp_path, "chat", "--json", "--channel", "lab", text=text)
        assert [one["user"] for one in ended.objects] == ["Ada", "Grace", "ada"]
        assert {one["agent_id"] for one in ended.objects} == {"console:local/channel/lab"}

    async def test_a_line_too_long_for_a_message_is_refused_in_place(self, tmp_path):
        text = "x" * 1_000_001 + "\n/status\n"
        refused, status = (await membot(tmp_path, "chat", "--json", text=text)).objects
        assert "characters" in refused["error"]
        assert refused["reply"] == ""
        assert status["command"] == "status"

    async def test_a_long_line_within_the_bound_is_answered(self, tmp_path):
        ended = await membot(tmp_path, "chat", "--json", text="long " * 20_000 + "\n")
        assert ended.code == 0
        assert ended.objects[0]["reply"]


class TestForgetting:
    @pytest.mark.behaviour("command.memory-forget-me", "terminal")
    async def test_forget_me_takes_two_steps(self, tmp_path):
        await membot(tmp_path, "chat", text="Hi, I'm Ada and I play the cello.\n")
        asked = await membot(tmp_path, "chat", text="/memory forget-me\n/memory show\n")
        assert "cello" in asked.out
        done = await membot(tmp_path, "chat", text="/memory forget-me --yes\n/memory show\n")
        assert "Removed" in done.out
        assert "cello" not in done.out


class TestKills:
    async def test_a_kill_during_the_model_call_is_answered_once_after_restart(self, tmp_path):
        async with ModelServer() as model:
            model.script(hanging())
            async with running(tmp_path, "chat", OPENAI_BASE_URL=model.url) as process:
                process.stdin.write(b"are you there?\n")
                await process.stdin.drain()
                await model.asked.wait()
                process.send_signal(signal.SIGKILL)
                await process.wait()
            ended = await membot(tmp_path, "chat", text="", OPENAI_BASE_URL=model.url)
            again = await membot(tmp_path, "chat", text="", OPENAI_BASE_URL=model.url)
        assert ended.out == "You said: are you there?\n"
        assert again.out == ""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_a_signal_while_waiting_ends_it_cleanly(self, tmp_path, number):
        async with running(tmp_path, "chat") as process:
            process.stdin.write(b"Hello\n")
            await process.stdin.drain()
            assert await process.stdout.readline()
            process.send_signal(number)
            assert await process.wait() == 0
            assert b"Traceback" not in await process.stderr.read()

    @pytest.mark.behaviour("when.stop", "terminal")
    async def test_an_interrupt_during_the_model_call_stops_that_answer_only(self, tmp_path):
        async with ModelServer() as model:
            model.script(hanging())
            async with running(tmp_path, "chat", "--json", OPENAI_BASE_URL=model.url) as process:
                process.stdin.write(b"first\n")
                await process.stdin.drain()
                await model.asked.wait()
                process.send_signal(signal.SIGINT)
                stopped = await process.stdout.readline()
                ended = await finish(process, "second\n")
        assert b'"reply": ""' in stopped
        assert ended.objects[0]["reply"] == "You said: second"
        assert ended.code == 0


class TestRefusals:
    async def test_a_second_chat_on_the_same_database(self, tmp_path):
        async with running(tmp_path, "chat") as process:
            process.stdin.write(b"Hello\n")
            await process.stdin.drain()
            await process.stdout.readline()
            second = await membot(tmp_path, "chat", text="Hello\n")
            beside = await membot(tmp_path, "agents")
        assert second.code == 2
        assert is_one_plain_sentence(second.err)
        assert beside.code == 0
        assert "console:local/user/ada" in beside.out

    async def test_bad_settings_are_all_named(self, tmp_path):
        ended = await membot(
            tmp_path, "chat", MEMBOT_TOOL_MODE="magic", MEMBOT_CONTEXT_TOKENS="many"
        )
        assert ended.code == 2
        assert len(ended.err.splitlines()) == 2
        assert "Traceback" not in ended.err

    @pytest.mark.parametrize(
        "content", [b"this is no database", b"SQLite format 3\x00" + b"?" * 9000]
    )
    async def test_a_file_that_is_no_sound_database(self, tmp_path, content):
        (tmp_path / "membot.db").write_bytes(content)
        ended = await membot(tmp_path, "chat", text="Hello\n")
        assert ended.code == 2
        assert is_one_plain_sentence(ended.err)
        assert (tmp_path / "membot.db").read_bytes() == content

    async def test_a_place_where_no_database_can_be(self, tmp_path):
        (tmp_path / "file").write_text("")
        ended = await membot(
            tmp_path, "chat", text="Hello\n", MEMBOT_DATABASE_URL="sqlite:///file/membot.db"
        )
        assert ended.code == 2
        assert is_one_plain_sentence(ended.err)

    async def test_a_model_that_cannot_be_reached_is_said_in_words(self, tmp_path):
        process = await start(tmp_path, "chat", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
        ended = await finish(process, "Hello\n")
        assert ended.code == 0
        assert "can't reach my language model" in ended.out
