"""`membot load`, `documents` and `unload` from outside."""

import json
import logging

import pytest

from bots.cli import run_command_line
from engine.places import agent_scope
from tests.bots.memory_rig import open_memory
from tests.bots.processes import is_one_plain_sentence, membot, running
from tests.engine.files import pdf

ADA = "console:local/user/ada"


@pytest.fixture
def shell(capsys, monkeypatch, tmp_path):
    """Runs a command in an empty folder, in this process: exit code, output, errors."""
    monkeypatch.setenv("MEMBOT_EMBEDDING_MODEL", "none")
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*arguments):
        code = run_command_line(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def shelf(tmp_path):
    """A folder with a good file below another, a hidden one and one of a kind that is not read."""
    folder = tmp_path / "shelf"
    (folder / "deep").mkdir(parents=True)
    (folder / "guide.md").write_text("# Kettle\nBoil fresh water.\n")
    (folder / "deep" / "report.pdf").write_bytes(pdf("The heliotrope grows", "and grows"))
    (folder / ".hidden.md").write_text("not for you")
    (folder / "blob.raw").write_bytes(bytes(99))
    return folder


class TestLoad:
    def test_a_folder_is_read_with_all_below_it_and_refusals_are_named(self, shell, shelf):
        code, out, _ = shell("load", "shelf", "--agent", ADA)
        summary, refusal = out.splitlines()
        assert code == 1
        assert summary == f"{ADA}: 2 loaded (3 passages), 0 unchanged, 1 refused."
        assert refusal.startswith("blob.raw is of a kind I cannot read")

    def test_a_file_is_found_by_page(self, shell, shelf):
        assert shell("load", "shelf/deep/report.pdf", "--agent", ADA)[0] == 0
        _, out, _ = shell("search", ADA, "heliotrope", "--in", "archival", "--json")
        assert json.loads(out)["hits"][0]["where"] == "report.pdf, page 1"

    def test_a_second_time_nothing_changes(self, shell, shelf):
        shell("load", "shelf/guide.md", "--agent", ADA)
        code, out, _ = shell("load", "shelf/guide.md", "--agent", ADA)
        assert (code, out) == (0, f"{ADA}: 0 loaded (0 passages), 1 unchanged, 0 refused.\n")

    def test_a_changed_file_takes_the_old_ones_place(self, shell, shelf):
        shell("load", "shelf/guide.md", "--agent", ADA)
        (shelf / "guide.md").write_text("# Teapot\nWarm it first.\n")
        shell("load", "shelf/guide.md", "--agent", ADA)
        assert "No results" in shell("search", ADA, "kettle", "--in", "archival")[1]
        assert "Warm it first" in shell("search", ADA, "teapot", "--in", "archival")[1]

    @pytest.mark.parametrize(
        "arguments",
        [
            ("nowhere", "--agent", ADA),
            ("shelf", "--agent", "ada"),
            ("shelf", "--agent", "knowledge:local/handbook"),
            ("shelf",),
        ],
    )
    def test_wrong_use_gets_a_sentence_and_2(self, shell, shelf, arguments):
        code, _, err = shell("load", *arguments)
        assert code == 2
        assert is_one_plain_sentence(err)

    @pytest.mark.parametrize(
        "agent",
        [
            "slack:T1/workspace",
            "slack:T1/channel/C2/user/U3",
            "discord:*/personal/user/5",
            "discord:1/channel/2",
        ],
    )
    def test_agents_of_every_mapping_can_read(self, shell, shelf, agent):
        assert shell("load", "shelf/guide.md", "--agent", agent)[0] == 0
        assert "guide.md" in shell("documents", agent)[1]

    def test_the_limits_of_the_settings_hold(self, shell, shelf, tmp_path):
        (tmp_path / "membot.toml").write_text("[documents]\nmax_pages = 1\nmax_bytes = 2000\n")
        (shelf / "long.txt").write_text("word " * 1000)
        _, out, _ = shell("load", "shelf", "--agent", ADA)
        assert "report.pdf has 2 pages; I read at most 1." in out
        assert "long.txt is 5 kB; I read files of at most 2 kB." in out


class TestWhatTheAgentHears:
    async def queue(self, home):
        async with open_memory(home) as memory:
            return (await memory.store.load_window(agent_scope(ADA))).queue

    async def test_one_document_with_its_outline(self, tmp_path, shelf):
        await membot(tmp_path, "chat", text="Hello\n")
        await membot(tmp_path, "load", "shelf/guide.md", "--agent", ADA)
        told = json.loads(json.loads((await self.queue(tmp_path))[-1].payload)["content"])
        assert told["type"] == "file_upload"
        assert told["message"].startswith("guide.md (27 bytes) is now in archival memory as 1 ")
        assert told["message"].endswith("Outline: Kettle")

    async def test_many_at_once_by_name(self, tmp_path, shelf):
        await membot(tmp_path, "chat", text="Hello\n")
        for _ in range(2):  # the second time nothing is new
            await membot(tmp_path, "load", "shelf", "--agent", ADA)
        told = [entry.text for entry in await self.queue(tmp_path) if entry.kind == "file_upload"]
        start = "2 documents are now in archival memory as 3 passages; archival_memory_search "
        assert told == [f"{start}finds what they say. Documents: deep/report.pdf; guide.md"]

    async def test_it_does_not_answer_for_the_next_message(self, tmp_path, shelf):
        await membot(tmp_path, "load", "shelf/guide.md", "--agent", ADA)
        said = await membot(tmp_path, "chat", text="My name is Ada.\n")
        assert "Nice to meet you, Ada." in said.out


class TestDocuments:
    def test_are_listed_with_size_pages_and_passages(self, shell, shelf):
        shell("load", "shelf", "--agent", ADA)
        _, out, _ = shell("documents", ADA)
        assert "deep/report.pdf" in out
        _, out, _ = shell("documents", ADA, "--json")
        found = {item["name"]: (item["pages"], item["passages"]) for item in json.loads(out)}
        assert found == {"deep/report.pdf": (2, 2), "guide.md": (0, 1)}

    def test_are_said_to_be_none(self, shell, shelf):
        assert shell("documents", ADA)[0] == 1
        shell("load", "shelf/guide.md", "--agent", ADA)
        shell("unload", ADA, "guide.md")
        assert shell("documents", ADA)[1].startswith("No documents yet")

    def test_one_is_removed_by_name(self, shell, shelf):
        shell("load", "shelf", "--agent", ADA)
        assert shell("unload", ADA, "guide.md")[:2] == (0, "Removed guide.md: 1 passages.\n")
        code, _, err = shell("unload", ADA, "guide.md")
        assert code == 2
        assert is_one_plain_sentence(err)
        assert "documents.unload" in shell("audit")[1]


class TestBesideARunningBot:
    async def test_a_chat_finds_what_was_loaded_while_it_runs(self, tmp_path, shelf):
        async with running(tmp_path, "chat") as chat:
            chat.stdin.write(b"Hello\n")
            await chat.stdout.readline()
            loaded = await membot(tmp_path, "load", "shelf/guide.md", "--agent", ADA)
            chat.stdin.write(b"What does the guide say about the kettle?\n")
            chat.stdin.close()
            said = await chat.stdout.read()
        assert loaded.code == 0
        assert 'guide.md, Kettle: "Boil fresh water."' in said.decode()
