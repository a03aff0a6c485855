"""The shell's commands from outside: output, exit codes, one sentence when something is wrong."""

import json
import sqlite3

import pytest

from tests.bots.processes import is_one_plain_sentence, membot, running

ADA = "console:local/user/ada"


@pytest.fixture
async def home(tmp_path):
    """A folder with a database in which Ada has spoken."""
    ended = await membot(tmp_path, "chat", text="Hi, I'm Ada and I play the cello.\n")
    assert ended.code == 0
    return tmp_path


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
    async def test_is_one_sentence_and_exit_2(self, tmp_path, arguments):
        ended = await membot(tmp_path, *arguments)
        assert ended.code == 2
        assert ended.out == ""
        assert is_one_plain_sentence(ended.err)

    @pytest.mark.parametrize(
        "arguments",
        [["reset", ADA], ["forget", "console:local/ada"], ["restore", "membot.db"]],
    )
    async def test_what_destroys_asks_and_without_a_terminal_refuses(self, home, arguments):
        ended = await membot(home, *arguments)
        assert ended.code == 2
        assert "--yes" in ended.err
        assert "cello" in (await membot(home, "show", ADA)).out

    @pytest.mark.parametrize("command", ["show", "reset", "export"])
    async def test_an_unknown_agent_is_a_no(self, home, command):
        more = ["--output", "x.zip"] if command == "export" else []
        ended = await membot(home, command, "console:local/user/nobody", *more)
        assert ended.code == 1
        assert is_one_plain_sentence(ended.err)


class TestLooking:
    async def test_agents_are_listed(self, home):
        ended = await membot(home, "agents", "--json")
        (agent,) = ended.objects if ended.out.startswith("{") else json.loads(ended.out)
        assert (agent["agent_id"], agent["kind"]) == (ADA, "personal")
        assert ADA in (await membot(home, "agents")).out

    async def test_no_agents_are_no_error(self, tmp_path):
        assert json.loads((await membot(tmp_path, "agents", "--json")).out) == []
        assert "No agents yet" in (await membot(tmp_path, "agents")).out

    async def test_an_agent_shows_blocks_with_used_and_limit(self, home):
        shown = json.loads((await membot(home, "show", ADA, "--json")).out)
        human = next(block for block in shown["blocks"] if block["label"] == "human")
        assert "cello" in human["value"]
        assert human["used_chars"] == len(human["value"])
        assert shown["context"]["context_tokens"] == 32768
        assert shown["context"]["used_tokens"] > 0
        assert "2000 characters" in (await membot(home, "show", ADA)).out

    async def test_search_finds_what_was_said(self, home):
        found = json.loads((await membot(home, "search", ADA, "cello", "--json")).out)
        assert any("cello" in hit["text"] for hit in found["hits"])
        assert "cello" in (await membot(home, "search", ADA, "cello")).out
        nothing = await membot(home, "search", ADA, "zeppelin", "--in", "archival")
        assert (nothing.code, nothing.out) == (0, "No results found.\n")

    async def test_a_name_in_capitals_is_the_same_person(self, home):
        assert (await membot(home, "show", "console:local/user/Ada")).code == 0

    async def test_usage_and_audit_are_tables(self, home):
        rows = json.loads((await membot(home, "usage", "--json")).out)
        assert rows[0]["calls"] > 0
        assert (await membot(home, "usage", "--days", "7")).out.startswith("DAY")
        assert (await membot(home, "audit")).code == 0
        assert json.loads((await membot(home, "audit", "--json")).out) == []


class TestActing:
    async def test_an_archive_moves_an_agent_to_another_database(self, home, tmp_path_factory):
        archive = home / "ada.zip"
        assert (await membot(home, "export", ADA, "--output", str(archive))).code == 0
        other = tmp_path_factory.mktemp("other")
        dry = await membot(other, "import", str(archive), "--dry-run")
        assert "sound" in dry.out
        assert "No agents yet" in (await membot(other, "agents")).out
        assert (await membot(other, "import", str(archive))).code == 0
        assert "cello" in (await membot(other, "show", ADA)).out

    async def test_all_agents_go_in_one_bundle(self, home, tmp_path_factory):
        await membot(home, "chat", "--channel", "lab", text="We build a boat.\n")
        bundle = home / "all.zip"
        assert (await membot(home, "export", "--all", "--output", str(bundle))).code == 0
        other = tmp_path_factory.mktemp("other")
        assert (await membot(other, "import", str(bundle))).code == 0
        agents = json.loads((await membot(other, "agents", "--json")).out)
        assert {agent["agent_id"] for agent in agents} == {ADA, "console:local/channel/lab"}

    async def test_a_damaged_archive_is_refused(self, tmp_path):
        (tmp_path / "x.zip").write_bytes(b"nonsense")
        ended = await membot(tmp_path, "import", "x.zip")
        assert ended.code == 1
        assert is_one_plain_sentence(ended.err)

    async def test_an_existing_file_is_not_overwritten(self, home):
        (home / "x.zip").write_text("mine")
        ended = await membot(home, "export", ADA, "--output", "x.zip")
        assert ended.code == 2
        assert (home / "x.zip").read_text() == "mine"

    async def test_a_conversation_can_be_reset_alone(self, home):
        ended = await membot(home, "reset", ADA, "--conversation-only", "--yes")
        assert ended.code == 0
        shown = json.loads((await membot(home, "show", ADA, "--json")).out)
        assert shown["messages"] > 0

    async def test_forgetting_prints_a_receipt_and_leaves_no_trace_in_the_files(self, home):
        ended = await membot(home, "forget", "console:local/ada", "--yes")
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
    async def test_a_backup_can_be_put_back(self, home):
        assert (await membot(home, "backup", "copy.db")).code == 0
        await membot(home, "reset", ADA, "--yes")
        ended = await membot(home, "restore", "copy.db", "--yes")
        assert ended.code == 0
        assert "before-restore" in ended.out
        assert "cello" in (await membot(home, "show", ADA)).out
        assert (home / "membot.db").stat().st_mode & 0o077 == 0

    async def test_what_is_no_sound_backup_is_refused_and_nothing_changes(self, home):
        (home / "copy.db").write_bytes(b"nonsense")
        before = (home / "membot.db").read_bytes()
        ended = await membot(home, "restore", "copy.db", "--yes")
        assert ended.code == 1
        assert is_one_plain_sentence(ended.err)
        assert (home / "membot.db").read_bytes() == before
        assert not list(home.glob("*restoring*"))

    async def test_not_while_the_bot_runs(self, home):
        await membot(home, "backup", "copy.db")
        async with running(home, "chat") as process:
            process.stdin.write(b"Hello\n")
            await process.stdin.drain()
            await process.stdout.readline()
            ended = await membot(home, "restore", "copy.db", "--yes")
        assert ended.code == 2
        assert is_one_plain_sentence(ended.err)

    async def test_a_damaged_database_can_be_replaced(self, home):
        await membot(home, "backup", "copy.db")
        (home / "membot.db").write_bytes(b"SQLite format 3\x00" + b"?" * 9000)
        assert (await membot(home, "restore", "copy.db", "--yes")).code == 0
        connection = sqlite3.connect(home / "membot.db")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
