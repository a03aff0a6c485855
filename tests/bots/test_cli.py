"""The shell's commands from outside: output, exit codes, one sentence when something is wrong."""

import asyncio
import io
import json
import logging
import os
import shutil
import sqlite3
import zipfile
from contextlib import closing

import pytest

from bots.cli import run_command_line
from tests.bots.processes import Ended, is_one_plain_sentence, membot, running

ADA = "console:local/user/ada"


@pytest.fixture(autouse=True)
def quiet_start(monkeypatch):
    """No embedding model, and the log as it was."""
    monkeypatch.setenv("MEMBOT_EMBEDDING_MODEL", "none")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="module")
def spoken_to(tmp_path_factory):
    """A folder with a database in which Ada has spoken."""
    folder = tmp_path_factory.mktemp("spoken")
    said = membot(folder, "chat", text="Hi, I'm Ada and I play the cello.\n")
    assert asyncio.run(said).code == 0
    return folder


@pytest.fixture
def home(spoken_to, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(spoken_to, tmp_path / "home")


@pytest.fixture
def shell(capsys):
    """Runs a command in a folder, in this process."""

    def run(folder, *arguments):
        before = os.getcwd()  # noqa: PTH109 - put back whatever it is
        os.chdir(folder)
        try:
            code = run_command_line(arguments)
        finally:
            os.chdir(before)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run


def bundle(contents, *archives):
    """The bytes of a bundle of somebody's making."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("bundle.json", contents)
        for number, archive in enumerate(archives):
            file.writestr(f"agents/{number}.zip", archive)
    return made.getvalue()


class TestWrongUse:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["frobnicate"],
            ["chat", "--frob"],
            ["show"],
            ["search", ADA, "x", "--in", "nowhere"],
            ["export", "--output", "x.zip"],
            ["export", ADA, "--all", "--output", "x.zip"],
            ["export", ADA, "--output", "nowhere/x.zip"],
            ["import", "missing.zip"],
            ["restore", "missing.db"],
            ["forget", "ada"],
            ["usage", "--days", "many"],
            [],
        ],
    )
    def test_is_one_sentence_and_exit_2(self, shell, tmp_path, arguments):
        ended = shell(tmp_path, *arguments)
        assert ended.code == 2
        assert ended.out == ""
        assert is_one_plain_sentence(ended.err)

    @pytest.mark.parametrize(
        "arguments",
        [["reset", ADA], ["forget", "console:local/ada"]],
    )
    def test_what_destroys_asks_and_without_a_terminal_refuses(self, shell, home, arguments):
        ended = shell(home, *arguments)
        assert ended.code == 2
        assert "--yes" in ended.err
        assert "cello" in shell(home, "show", ADA).out

    @pytest.mark.parametrize("command", ["show", "reset", "export"])
    def test_an_unknown_agent_is_a_no(self, shell, home, command):
        more = ["--output", "x.zip"] if command == "export" else []
        ended = shell(home, command, "console:local/user/nobody", *more)
        assert ended.code == 1
        assert is_one_plain_sentence(ended.err)


class TestLooking:
    def test_agents_are_listed(self, shell, home):
        ended = shell(home, "agents", "--json")
        (agent,) = ended.objects if ended.out.startswith("{") else json.loads(ended.out)
        assert (agent["agent_id"], agent["kind"]) == (ADA, "personal")
        assert ADA in shell(home, "agents").out

    def test_no_agents_are_no_error(self, shell, tmp_path):
        assert json.loads(shell(tmp_path, "agents", "--json").out) == []
        assert "No agents yet" in shell(tmp_path, "agents").out

    def test_an_agent_shows_blocks_with_used_and_limit(self, shell, home):
        shown = json.loads(shell(home, "show", ADA, "--json").out)
        human = next(block for block in shown["blocks"] if block["label"] == "human")
        assert "cello" in human["value"]
        assert human["used_chars"] == len(human["value"])
        assert shown["context"]["context_tokens"] == 32768
        assert shown["context"]["used_tokens"] > 0
        assert "2000 characters" in shell(home, "show", ADA).out

    def test_each_line_of_a_block_shows_when_and_from_whom_it_came(self, shell, home):
        (line,) = (
            one for one in shell(home, "show", ADA, "--sources").out.splitlines() if "cello" in one
        )
        assert "console:local/ada, console:ada/" in line
        shown = json.loads(shell(home, "show", ADA, "--json").out)
        human = next(block for block in shown["blocks"] if block["label"] == "human")
        assert human["lines"][-1]["author"] == "console:local/ada"

    def test_search_finds_what_was_said(self, shell, home):
        found = json.loads(shell(home, "search", ADA, "cello", "--json").out)
        assert any("cello" in hit["text"] for hit in found["hits"])
        assert "cello" in shell(home, "search", ADA, "cello").out
        nothing = shell(home, "search", ADA, "zeppelin", "--in", "archival")
        assert (nothing.code, nothing.out) == (0, "No results found.\n")

    async def test_what_was_said_cannot_steer_the_terminal(self, home):
        await membot(home, "chat", text="A zebra\x1b]0;owned\x07 and\x9b2J more\n")
        found = await membot(home, "search", ADA, "zebra")
        assert "A zebra]0;owned and2J more" in found.out

    def test_a_name_in_capitals_is_the_same_person(self, shell, home):
        assert shell(home, "show", "console:local/user/Ada").code == 0

    def test_schedules_are_a_table_in_their_own_time_zone(self, shell, home):
        assert shell(home, "schedules", ADA).out == "Nothing is scheduled.\n"
        with closing(sqlite3.connect(home / "membot.db")) as database:
            database.execute(
                "INSERT INTO schedules (id, tenant, agent_id, conversation_id, kind, rule, reason, "
                "author_name, timezone, place, place_name, address, next_at, created_at) "
                "SELECT 's1', tenant, agent_id, agent_id || '/main', 'timer', '0 9 * * *', 'bins', "
                "'Ada', 'Europe/Berlin', '', 'terminal', '{}', ?, created_at FROM agents",
                ("2026-11-22T08:00:00.000000+00:00",),
            )
            database.commit()
        listed = shell(home, "schedules", ADA).out
        assert "2026-11-22 09:00  Europe/Berlin  0 9 * * *  Ada  terminal  bins" in listed
        assert json.loads(shell(home, "schedules", ADA, "--json").out)[0]["reason"] == "bins"

    def test_usage_shows_the_cost_of_a_model_that_has_a_price(self, shell, home):
        model = json.loads(shell(home, "usage", "--json").out)[0]["model"]
        assert json.loads(shell(home, "usage", "--json").out)[0]["cost"] is None
        prices = f'[prices."{model}"]\ninput = 2.0\ncached_input = 1.0\noutput = 4.0\n'
        (home / "membot.toml").write_text(prices)
        with closing(sqlite3.connect(home / "membot.db")) as database:
            database.execute(
                "UPDATE usage SET input_tokens = 0, cached_tokens = 0, output_tokens = 0"
            )
            database.execute(
                "UPDATE usage SET input_tokens = 3000000, cached_tokens = 1000000, "
                "output_tokens = 500000 WHERE id = 1"
            )
            database.commit()
        assert sum(row["cost"] for row in json.loads(shell(home, "usage", "--json").out)) == 7.0
        assert shell(home, "usage").out.endswith("Total cost: 7.0000\n")

    def test_usage_and_audit_are_tables(self, shell, home):
        rows = json.loads(shell(home, "usage", "--json").out)
        assert rows[0]["calls"] > 0
        assert shell(home, "usage", "--days", "7").out.startswith("DAY")
        assert shell(home, "audit").code == 0
        assert json.loads(shell(home, "audit", "--json").out) == []


class TestActing:
    def test_an_archive_moves_an_agent_to_another_database(self, shell, home, tmp_path_factory):
        archive = home / "ada.zip"
        assert shell(home, "export", ADA, "--output", str(archive)).code == 0
        other = tmp_path_factory.mktemp("other")
        dry = shell(other, "import", str(archive), "--dry-run")
        assert "sound" in dry.out
        assert "No agents yet" in shell(other, "agents").out
        assert shell(other, "import", str(archive)).code == 0
        assert "cello" in shell(other, "show", ADA).out

    async def test_all_agents_go_in_one_bundle(self, home, tmp_path_factory):
        await membot(home, "chat", "--channel", "lab", text="We build a boat.\n")
        bundle = home / "all.zip"
        assert (await membot(home, "export", "--all", "--output", str(bundle))).code == 0
        other = tmp_path_factory.mktemp("other")
        assert (await membot(other, "import", str(bundle))).code == 0
        agents = json.loads((await membot(other, "agents", "--json")).out)
        assert {agent["agent_id"] for agent in agents} == {ADA, "console:local/channel/lab"}

    def test_a_bundle_that_is_not_whole_changes_nothing(self, shell, home, tmp_path):
        asyncio.run(membot(home, "chat", "--channel", "lab", text="We build a boat.\n"))
        assert shell(home, "export", "--all", "--output", "all.zip").code == 0
        shell(home, "export", ADA, "--output", "ada.zip")
        whole, ada = (home / "all.zip").read_bytes(), (home / "ada.zip").read_bytes()
        flipped = bytearray(whole)
        flipped[200] ^= 1
        named = [{"agents": [ADA, ADA]}, {"agents": [ADA]}, {}, [], "?"]
        twice = [bundle(json.dumps(contents), ada, ada) for contents in named]
        for bad in (whole[: len(whole) * 2 // 3], bytes(flipped), bundle("no JSON"), *twice):
            (tmp_path / "bad.zip").write_bytes(bad)
            ended = shell(tmp_path, "import", "bad.zip")
            assert (ended.code, is_one_plain_sentence(ended.err)) == (2, True)
            assert "No agents yet" in shell(tmp_path, "agents").out

    def test_a_damaged_archive_is_refused(self, shell, tmp_path):
        (tmp_path / "x.zip").write_bytes(b"nonsense")
        ended = shell(tmp_path, "import", "x.zip")
        assert ended.code == 2
        assert is_one_plain_sentence(ended.err)

    def test_an_existing_file_is_not_overwritten(self, shell, home):
        (home / "x.zip").write_text("mine")
        ended = shell(home, "export", ADA, "--output", "x.zip")
        assert ended.code == 2
        assert (home / "x.zip").read_text() == "mine"

    def test_a_conversation_can_be_reset_alone(self, shell, home):
        ended = shell(home, "reset", ADA, "--conversation-only", "--yes")
        assert ended.code == 0
        shown = json.loads(shell(home, "show", ADA, "--json").out)
        assert shown["messages"] > 0

    def test_forgetting_prints_a_receipt_and_leaves_no_trace_in_the_files(self, shell, home):
        ended = shell(home, "forget", "console:local/ada", "--yes")
        assert ended.code == 0
        assert "Removed" in ended.out
        for file in home.glob("membot.db*"):
            assert b"cello" not in file.read_bytes()

    async def test_works_while_the_bot_runs(self, home):
        async with running(home, "chat") as process:
            process.stdin.write(b"Hello\n")
            await process.stdin.drain()
            await process.stdout.readline()
            assert (await membot(home, "backup", "copy.db")).code == 0
            assert (await membot(home, "agents")).code == 0


class TestBackups:
    def test_a_backup_without_a_name_goes_to_the_folder_of_backups(self, shell, home):
        assert shell(home, "backup").code == 0
        assert len(list((home / "backups").glob("membot-*.db"))) == 1

    def test_a_backup_can_be_put_back(self, shell, home):
        assert shell(home, "backup", "copy.db").code == 0
        shell(home, "reset", ADA, "--yes")
        ended = shell(home, "restore", "copy.db")
        assert ended.code == 0
        assert "before-restore" in ended.out
        assert "cello" in shell(home, "show", ADA).out
        assert (home / "membot.db").stat().st_mode & 0o077 == 0

    def test_what_is_no_sound_backup_is_refused_and_nothing_changes(self, shell, home):
        (home / "copy.db").write_bytes(b"nonsense")
        before = (home / "membot.db").read_bytes()
        ended = shell(home, "restore", "copy.db")
        assert ended.code == 2
        assert is_one_plain_sentence(ended.err)
        assert (home / "membot.db").read_bytes() == before
        assert not list(home.glob("*restoring*"))

    async def test_not_while_the_bot_runs(self, home):
        await membot(home, "backup", "copy.db")
        async with running(home, "chat") as process:
            process.stdin.write(b"Hello\n")
            await process.stdin.drain()
            await process.stdout.readline()
            ended = await membot(home, "restore", "copy.db")
        assert ended.code == 2
        assert is_one_plain_sentence(ended.err)

    def test_a_damaged_database_can_be_replaced(self, shell, home):
        shell(home, "backup", "copy.db")
        (home / "membot.db").write_bytes(b"SQLite format 3\x00" + b"?" * 9000)
        assert shell(home, "restore", "copy.db").code == 0
        connection = sqlite3.connect(home / "membot.db")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
