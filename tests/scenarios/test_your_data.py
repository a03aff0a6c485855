"""Promise: everything can be taken out, put back elsewhere, backed up and restored."""

import zipfile

from tests.bots.processes import is_one_plain_sentence, membot

AGENT = "console:local/user/ada"


async def tell(folder):
    await membot(folder, "chat", "--user", "ada", text="Hi, I'm Ada and I play the cello\n")


def damage(file, name):
    """Change one member, and leave the manifest as it was."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(file, "w") as archive:
        for member, content in members.items():
            archive.writestr(
                member, content.replace(b"cello", b"viola") if member == name else content
            )


class TestExport:
    async def test_an_empty_database_remembers_after_an_import(self, tmp_path):
        here, there = tmp_path / "here", tmp_path / "there"
        here.mkdir()
        there.mkdir()
        await tell(here)
        out = await membot(here, "export", AGENT, "--output", str(tmp_path / "ada.zip"))
        assert out.code == 0
        read = await membot(there, "import", str(tmp_path / "ada.zip"))
        assert read.code == 0
        asked = await membot(there, "chat", "--user", "ada", text="What do I play?\n")
        assert "cello" in asked.out

    async def test_a_dry_run_changes_nothing(self, tmp_path):
        here, there = tmp_path / "here", tmp_path / "there"
        here.mkdir()
        there.mkdir()
        await tell(here)
        await membot(here, "export", AGENT, "--output", str(tmp_path / "ada.zip"))
        await membot(there, "import", str(tmp_path / "ada.zip"), "--dry-run")
        assert AGENT not in (await membot(there, "agents", "--json")).out

    async def test_a_damaged_archive_is_refused_whole_in_one_sentence(self, tmp_path):
        await tell(tmp_path)
        file = tmp_path / "ada.zip"
        await membot(tmp_path, "export", AGENT, "--output", str(file))
        damage(file, "messages.jsonl")
        there = tmp_path / "there"
        there.mkdir()
        read = await membot(there, "import", str(file))
        assert read.code == 2
        assert is_one_plain_sentence(read.err)
        assert AGENT not in (await membot(there, "agents", "--json")).out


class TestBackup:
    async def test_brings_back_what_was_wiped(self, tmp_path):
        await tell(tmp_path)
        backup = str(tmp_path / "safe.db")
        assert (await membot(tmp_path, "backup", backup)).code == 0
        await membot(tmp_path, "reset", AGENT, "--yes")
        assert (await membot(tmp_path, "restore", backup)).code == 0
        asked = await membot(tmp_path, "chat", "--user", "ada", text="What do I play?\n")
        assert "cello" in asked.out

    async def test_a_file_that_is_no_backup_is_refused_and_nothing_is_lost(self, tmp_path):
        await tell(tmp_path)
        (tmp_path / "bad.db").write_bytes(b"not a database" * 100)
        refused = await membot(tmp_path, "restore", str(tmp_path / "bad.db"))
        assert refused.code == 2
        assert is_one_plain_sentence(refused.err)
        asked = await membot(tmp_path, "chat", "--user", "ada", text="What do I play?\n")
        assert "cello" in asked.out
