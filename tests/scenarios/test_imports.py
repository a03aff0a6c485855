"""Promise: what was said elsewhere is found here, under its author's name, and can be forgotten."""

import asyncio
import json
import signal
import sqlite3
from contextlib import aclosing, closing

import pytest

from bots.imports.importing import Import, format_of
from bots.operations import Operations, agent_scope
from bots.routing import Origin, scope_of
from engine.config import EngineConfig
from engine.errors import ArchiveRefused
from engine.testing import FixedClock, call
from storage.sqlite.store import SqliteStore
from tests.bots.processes import PATIENCE_SECONDS, is_one_plain_sentence, membot, running
from tests.engine.conftest import Rig
from tests.fixtures.exports import agent_file, discord_file, slack_export

GENERAL = "slack:T1/channel/C2"
ROOM = "discord:111/channel/5"
SAM = "console:local/user/sam"


async def bring_in(store, file):
    """The whole of an import, as the shell does it."""
    reading = Import(store, format_of(file), file, None, FixedClock())
    async for _ in reading.store(dry_run=False):
        pass


@pytest.fixture
async def store(tmp_path):
    store = await SqliteStore.open(tmp_path / "membot.db", embedder=None, now=FixedClock())
    yield store
    await store.close()


def long_channel(file, count=600):
    """A channel of more than two portions."""
    discord_file(file)
    document = json.loads(file.read_text())
    post = document["messages"][0]
    document["messages"] = [{**post, "id": str(number)} for number in range(count)]
    file.write_text(json.dumps(document))
    return file


def stored(folder):
    """How many messages the database on disk has."""
    with closing(sqlite3.connect(folder / "membot.db")) as connection:
        try:
            return connection.execute("SELECT count(*) FROM messages").fetchone()[0]
        except sqlite3.OperationalError:  # the tables are being made
            return 0


class TestAnImportThatIsCutOff:
    async def test_goes_on_when_it_is_repeated(self, store, tmp_path):
        file = long_channel(tmp_path / "export.json")
        reading = Import(store, format_of(file), file, None, FixedClock())
        async with aclosing(reading.store(dry_run=False)) as steps:
            done, total = await anext(steps)
        assert 0 < done < total
        assert (await store.counts(agent_scope(ROOM))).messages == 250
        await bring_in(store, file)
        assert (await store.counts(agent_scope(ROOM))).messages == 600

    async def test_a_file_cut_off_changes_nothing(self, store, tmp_path):
        file = long_channel(tmp_path / "export.json")
        file.write_bytes(file.read_bytes()[:-5])

        async def show(_, steps):
            return [step async for step in steps]

        operations = Operations(store, FixedClock())
        with pytest.raises(ArchiveRefused, match="nothing was changed"):
            await operations.import_export(
                file, format_of(file), key=None, dry_run=False, show=show
            )
        assert await store.agents() == []


class TestHalfCharacters:
    async def test_are_stored_as_whole_ones(self, store, tmp_path):
        half = "\ud800"
        message = {"role": "user", "content": f"zebra {half}", "created_at": "2025-01-01T00:00"}
        passage = {"text": half, "tags": [half], "created_at": "2025-01-01T00:00"}
        block = {"label": half, "value": half, "description": half}
        parts = {"messages": [message], "passages": [passage], "core_memory": [block]}
        file = tmp_path / "export.af"
        file.write_text(json.dumps({"agents": [{"name": f"Sam {half}", **parts}]}))
        await bring_in(store, file)
        counts = await store.counts(agent_scope(SAM))
        assert (counts.messages, counts.passages) == (1, 1)


class TestAModelThatSearches:
    """The room's agent, asked by a person on Slack, over the engine itself."""

    async def test_finds_what_was_said_before_it_came(self, store, tmp_path):
        await bring_in(store, slack_export(tmp_path / "export.zip"))
        rig = Rig(store, EngineConfig(), FixedClock())
        rig.script(
            call("conversation_search", query="zebra", request_heartbeat=True),
            call("send_message", message="Ada said that."),
        )
        scope = scope_of(Origin(platform="slack", team="T1", user="U2", room="C2"))
        await rig.say("Who had a zebra?", scope=scope, name="Bob")
        await rig.dispatcher.close()
        first, second = (json.dumps(request.messages) for request in rig.model.requests)
        assert "our zebra lives" not in first
        assert "our zebra lives" in second
        window = await store.load_window(agent_scope(GENERAL))
        assert {item.kind for item in window.queue}.isdisjoint({"imported"})
        assert "Who had a zebra?" in [item.text for item in window.queue]


class TestTheShell:
    @pytest.mark.parametrize(
        ("make", "agent"), [(slack_export, GENERAL), (discord_file, ROOM), (agent_file, SAM)]
    )
    async def test_reads_each_format(self, tmp_path, make, agent):
        file = str(make(tmp_path / "export"))
        dry = await membot(tmp_path, "import", file, "--dry-run")
        assert agent in dry.out
        assert agent not in (await membot(tmp_path, "agents", "--json")).out
        wet = await membot(tmp_path, "import", file)
        assert (wet.code, wet.err) == (0, "")
        assert dry.out.splitlines()[1:] == wet.out.splitlines()[1:]
        assert "zebra" in (await membot(tmp_path, "search", agent, "zebra", "--json")).out

    async def test_goes_on_where_a_person_and_their_letta_agent_were(self, tmp_path):
        await membot(tmp_path, "import", str(agent_file(tmp_path / "sam.af")))
        asked = await membot(tmp_path, "chat", "--user", "sam", text="Who keeps a zebra?\n")
        assert "I keep a zebra" in asked.out

    async def test_goes_on_after_it_was_killed(self, tmp_path):
        file = str(long_channel(tmp_path / "export.json", count=5_000))
        async with running(tmp_path, "import", file) as process:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not stored(tmp_path):
                    await asyncio.sleep(0)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        assert 0 < stored(tmp_path) < 5_000
        again = await membot(tmp_path, "import", file)
        assert "were there already" in again.out
        assert stored(tmp_path) == 5_000

    async def test_forgets_an_imported_person(self, tmp_path):
        await membot(tmp_path, "import", str(slack_export(tmp_path / "export.zip")))
        assert (await membot(tmp_path, "forget", "slack:T1/U1", "--yes")).code == 0
        for file in tmp_path.glob("membot.db*"):
            assert b"zebra" not in file.read_bytes()

    async def test_a_damaged_file_gets_one_sentence(self, tmp_path):
        file = discord_file(tmp_path / "export.json")
        file.write_bytes(file.read_bytes()[:-5])
        read = await membot(tmp_path, "import", str(file))
        assert read.code == 2
        assert is_one_plain_sentence(read.err)
