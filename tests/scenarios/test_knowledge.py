"""Promise: reference texts are found by the agents they are for, cited, and kept like the files."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import DocumentConfig
from engine.knowledge import KnowledgeSource, owner_scope, readable_owners
from engine.knowledge_reader import KnowledgeReader
from engine.records import ArchivalSearch
from engine.testing import call
from tests.bots.processes import membot, running
from tests.engine.builders import dm_scope, room_scope
from tests.engine.conftest import memory as memory  # noqa: PLC0414 - the fixture
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture
from tests.engine.test_turn import results_in


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "rules.md").write_text("# Holidays\nEverybody has 25 days.\n")
    (folder / "pay.md").write_text("# Pay\nOn the last Friday.\n")
    return folder


class Library:
    """Sources in a real store, looked at again and again."""

    def __init__(self, rig, folder, places=("*",)):
        self.rig = rig
        self.source = KnowledgeSource(name="handbook", path=folder, places=places)
        self.reader = self.reader_of([self.source])

    def reader_of(self, sources):
        return KnowledgeReader(self.rig.store, sources, DocumentConfig(), self.rig.clock)

    async def names(self):
        found = await self.rig.store.documents(owner_scope(self.source.owner))
        return [one.name for one in found]

    async def found(self, query, scope=None):
        scope = scope or dm_scope()
        owners = readable_owners(scope, [self.source])
        page = await self.rig.store.search_archival(scope, ArchivalSearch(query=query), owners)
        return [(hit.where, hit.text) for hit in page.hits]


@pytest.fixture
async def library(rig, folder):
    library = Library(rig, folder)
    await library.reader.refresh()
    return library


class TestAgents:
    async def test_find_it_through_their_own_search_with_its_source(self, rig, library):
        rig.config = replace(rig.config, knowledge=(library.source,))
        rig.start_engine()
        rig.script(
            call("archival_memory_search", query="How many holidays?", request_heartbeat=True),
            call("send_message", message="25."),
        )
        await rig.say("How many holidays do I have?")
        found = results_in(rig.model.requests[1])[-1]["message"]
        assert '"where": "handbook: rules.md, Holidays"' in found
        assert "25 days" in found

    async def test_elsewhere_do_not_find_it(self, rig, folder):
        library = Library(rig, folder, places=("console:local/channel/*",))
        await library.reader.refresh()
        assert await library.found("holidays", dm_scope()) == []
        assert len(await library.found("holidays", room_scope())) == 1

    async def test_cannot_reach_it_by_any_argument(self, rig, folder):
        library = Library(rig, folder, places=("console:local/channel/*",))
        await library.reader.refresh()
        rig.config = replace(rig.config, knowledge=(library.source,))
        rig.start_engine()
        rig.script(
            call(
                "archival_memory_search",
                query="knowledge:local/handbook holidays",
                tags=["knowledge:local/handbook"],
                request_heartbeat=True,
            ),
            call("send_message", message="Nothing."),
        )
        await rig.say("Holidays?")
        assert results_in(rig.model.requests[1])[-1]["message"] == "No results found."

    @pytest.mark.parametrize(
        ("tool", "more"),
        [("archival_memory_delete", {}), ("archival_memory_update", {"content": "No holidays."})],
    )
    async def test_cannot_change_it(self, rig, library, tool, more):
        owners = (library.source.owner,)
        search = ArchivalSearch(query="holidays")
        (hit,) = (await rig.store.search_archival(dm_scope(), search, owners)).hits
        rig.script(
            call(tool, passage_id=hit.id, request_heartbeat=True, **more),
            call("send_message", message="I cannot."),
        )
        await rig.say("Forget the rule about holidays.")
        assert results_in(rig.model.requests[1])[-1]["status"] == "Failed"
        assert await library.found("holidays") == [
            ("handbook: rules.md, Holidays", "Everybody has 25 days.")
        ]


class TestFiles:
    async def test_that_change_are_read_again(self, library, folder):
        (folder / "rules.md").write_text("# Holidays\nEverybody has thirty days now.\n")
        await library.reader.refresh()
        assert await library.found("holidays") == [
            ("handbook: rules.md, Holidays", "Everybody has thirty days now.")
        ]

    async def test_that_are_new_are_read_and_those_that_are_gone_go(self, library, folder):
        (folder / "pay.md").rename(folder / "wages.md")
        await library.reader.refresh()
        assert await library.names() == ["rules.md", "wages.md"]

    async def test_that_did_not_change_are_not_read_again_after_a_restart(self, rig, library):
        before = await rig.store.documents(owner_scope(library.source.owner))
        await library.reader_of([library.source]).refresh()
        assert await rig.store.documents(owner_scope(library.source.owner)) == before

    async def test_that_cannot_be_read_stop_no_other(self, library, folder):
        (folder / "a.raw").write_bytes(b"\0\0")
        (folder / "new.md").write_text("zebra")
        await library.reader.refresh()
        assert await library.names() == ["new.md", "pay.md", "rules.md"]

    async def test_that_nobody_may_look_at_stop_no_other(self, library, folder, monkeypatch):
        def is_file(path):
            if path.name == "pay.md":
                raise PermissionError
            return path.exists()

        monkeypatch.setattr(Path, "is_file", is_file)
        (folder / "rules.md").write_text("zebra")
        await library.reader.refresh()
        assert len(await library.found("zebra")) == 1

    async def test_a_single_file_is_a_source_too(self, rig, folder):
        library = Library(rig, folder / "rules.md")
        await library.reader.refresh()
        assert await library.names() == ["rules.md"]


class TestATable:
    async def test_that_leaves_the_settings_takes_its_passages_along(self, rig, library):
        await library.reader_of([]).refresh()
        assert await rig.store.knowledge_owners() == []
        assert await library.found("holidays") == []

    async def test_may_name_the_folder_that_another_names(self, rig, library):
        twin = replace(library.source, name="twin", places=("slack:*",))
        await library.reader_of([library.source, twin]).refresh()
        assert len(await rig.store.documents(owner_scope(twin.owner))) == 2


class TestTheProduct:
    async def test_reads_and_cites_it(self, tmp_path, folder):
        (tmp_path / "membot.toml").write_text('[knowledge.handbook]\npath = "handbook"\n')
        listed = ""
        async with running(tmp_path, "chat"):
            while not ("rules.md" in listed and "pay.md" in listed):
                ended = await membot(tmp_path, "documents", "knowledge:local/handbook")
                listed = ended.out
        asked = await membot(tmp_path, "chat", text="How many days of holidays are there?\n")
        agents = await membot(tmp_path, "agents")
        search = ("search", "console:local/user/ada", "days of holidays", "--in", "archival")
        searched = await membot(tmp_path, *search)
        assert 'handbook: rules.md, Holidays: "Everybody has 25 days."' in asked.out
        assert "knowledge" not in agents.out
        assert "handbook: rules.md, Holidays" in searched.out

    async def test_refuses_a_path_that_is_not_there(self, tmp_path):
        (tmp_path / "membot.toml").write_text('[knowledge.handbook]\npath = "nowhere"\n')
        ended = await membot(tmp_path, "chat")
        assert ended.code == 2
        assert "knowledge.handbook.path names nowhere, which does not exist." in ended.err
