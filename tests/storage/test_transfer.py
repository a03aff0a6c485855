"""Archives: everything comes back, and what is damaged is refused before anything is written."""

import hashlib
import json
import struct
import zipfile
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ArchiveRefused, StoreUnavailable, UnknownAgent
from engine.records import ArchivalSearch, RecallSearch
from engine.testing import FixedClock
from storage.transfer import Limits, open_archive
from tests.storage.builders import (
    NOON,
    begin,
    block,
    direct,
    later,
    message,
    passage,
    room,
    step,
    summary,
    talk,
    write,
)
from tests.storage.conftest import open_sqlite

OLD = "slack:T1/channel/C1"


async def fill(store):
    """A room with two conversations, a history, passages, summaries."""
    await talk(store, "Noise before", scope=direct("U9"))
    for number in range(3):
        scope = room(f"U{number}", thread="main" if number else "thread/9")
        turn = await begin(store, f"zebra {number}", scope=scope, name=f"N{number}")
        shared = await block(store, scope, "room")
        own = await block(store, scope, f"human:{scope.speaker}")
        old = passage(f"old {number}", superseded_at=NOON, superseded_by="x")
        new = passage(f"new {number}", tags=("a", "ü"), title="T")
        await store.commit_step(
            step(
                turn,
                says=[f"answer {number}"],
                messages=(
                    message("tool", scope=scope, turn_id=turn.id, role="tool", searchable=False),
                    message(f"answer {number} – “ü”", scope=scope, turn_id=turn.id),
                ),
                blocks=(write(shared, f"line {number}"), write(own, "known")),
                passages=(replace(old, superseded_by=new.id), new),
                warned=True,
            )
        )
    queue = (await store.load_window(room())).queue
    await store.save_flush(room(), summary("Before", queue[1].seq), [], NOON)
    await store.save_prepared_summary(room(), summary("Ahead", queue[3].seq, prepared=True), [])


def plain(window):
    """A window without the numbers that differ from database to database."""
    queue = tuple(replace(entry, seq=0) for entry in window.queue)
    kept = replace(window, queue=queue)
    for name in ("summary", "prepared"):
        if getattr(kept, name):
            kept = replace(kept, **{name: replace(getattr(kept, name), through_seq=0)})
    return kept


async def memory(store, scope):
    """All that an archive promises to bring back."""
    found = await store.search_recall(scope, RecallSearch(query="zebra", page_size=50))
    kept = await store.search_archival(scope, ArchivalSearch(query="new old", page_size=50))
    return (
        plain(await store.load_window(scope)),
        plain(await store.load_window(room(thread="thread/9"))),
        await store.blocks(scope.agent_id),
        await store.block_history(scope.agent_id, None),
        sorted(hit.id for hit in found.hits),
        sorted(hit.id for hit in kept.hits),
        await store.counts(scope),
        await store.list_recall(scope, RecallSearch(query="", page_size=99)),
    )


@pytest.fixture
async def exported(store, tmp_path):
    await fill(store)
    file = tmp_path / "out.zip"
    counts = await store.export(OLD, file, NOON)
    return file, counts


@pytest.fixture
async def other(tmp_path):
    folder = tmp_path / "other"
    store = await open_sqlite(folder)
    yield store
    await store.close()


class TestRoundTrip:
    """An archive on an empty database gives back every row."""

    async def test_every_block_version_message_passage_and_summary(self, store, exported, other):
        file, counts = exported
        assert await other.import_archive(file, agent_id=None, dry_run=False, at=NOON) == counts
        assert await memory(other, room()) == await memory(store, room())
        assert counts["messages"] == 9
        assert counts["summaries"] == 2

    async def test_windows_begin_at_the_same_message(self, store, exported, other):
        file, _ = exported
        await other.import_archive(file, agent_id=None, dry_run=False, at=NOON)
        await other.save_flush(room(), summary("Next", 10**6, created_at=later()), [], later())
        await talk(other, "new one", scope=room())
        assert [it.text for it in (await other.load_window(room())).queue] == []

    async def test_a_second_export_is_the_same(self, exported, other, tmp_path):
        file, _ = exported
        await other.import_archive(file, agent_id=None, dry_run=False, at=NOON)
        again = tmp_path / "again.zip"
        await other.export(OLD, again, NOON)
        for name in ("blocks.jsonl", "passages.jsonl", "memory.md"):
            assert read(again, name) == read(file, name)

    async def test_the_import_is_sound_and_goes_on(self, exported, other):
        file, _ = exported
        await other.import_archive(file, agent_id=None, dry_run=False, at=NOON)
        assert await other.check() == []
        await talk(other, "Hello again", scope=room())
        assert (await other.counts(room())).messages == 11

    async def test_the_archive_is_for_people_too(self, exported):
        file, _ = exported
        text = read(file, "memory.md").decode()
        assert "zebra 1" in text
        assert "line 2" in text

    async def test_the_manifest_hashes_every_member(self, exported):
        file, _ = exported
        manifest = json.loads(read(file, "manifest.json"))
        for name, digest in manifest["sha256"].items():
            assert hashlib.sha256(read(file, name)).hexdigest() == digest
        assert (manifest["format"], manifest["agent_id"]) == ("membot-archive", OLD)

    async def test_only_the_owner_can_read_the_file(self, exported):
        file, _ = exported
        assert file.stat().st_mode & 0o077 == 0

    async def test_an_unknown_agent_cannot_be_exported(self, store, tmp_path):
        with pytest.raises(UnknownAgent):
            await store.export("slack:T1/user/U7", tmp_path / "x.zip", NOON)
        assert not (tmp_path / "x.zip").exists()

    async def test_a_folder_that_is_not_there_is_said(self, store, tmp_path):
        await talk(store)
        with pytest.raises(StoreUnavailable):
            await store.export(direct().agent_id, tmp_path / "no" / "x.zip", NOON)


class TestNewKey:
    """An archive can be given another key, even beside the original."""

    async def test_agent_and_conversations_move_together(self, store, exported):
        file, _ = exported
        new = "slack:T2/channel/C7"
        await store.import_archive(file, agent_id=new, dry_run=False, at=NOON)
        scope = replace(room(team="T2", channel="C7"), speaker=room().speaker)
        window = await store.load_window(scope)
        assert [it.text for it in window.queue] == [
            it.text for it in (await store.load_window(room())).queue
        ]
        assert {it.scope.agent_id for it in window.queue} == {new}
        assert [one.tenant for one in [scope]] == ["slack:T2"]
        assert await store.check() == []

    async def test_passages_refer_to_their_own_copies(self, store, exported, tmp_path):
        file, _ = exported
        await store.import_archive(file, agent_id="slack:T2/user/U7", dry_run=False, at=NOON)
        again = tmp_path / "again.zip"
        await store.export("slack:T2/user/U7", again, NOON)
        rows = [json.loads(line) for line in read(again, "passages.jsonl").splitlines()]
        ids = {row["id"] for row in rows}
        assert {row["superseded_by"] for row in rows if row["superseded_by"]} <= ids
        assert not ids & {
            json.loads(line)["id"] for line in read(file, "passages.jsonl").splitlines()
        }

    @pytest.mark.parametrize("key", ["", "nonsense", "slack:T1", "slack/T1/user/U1"])
    async def test_a_key_that_no_agent_can_have_is_refused(self, exported, other, key):
        file, _ = exported
        if not key:
            return
        with pytest.raises(ArchiveRefused):
            await other.import_archive(file, agent_id=key, dry_run=False, at=NOON)


def read(file, name):
    with zipfile.ZipFile(file) as archive:
        return archive.read(name)


def rebuilt(file, target, change):
    """A copy of an archive with changed members, its manifest made to fit."""
    with zipfile.ZipFile(file) as archive:
        members = {
            name: archive.read(name) for name in archive.namelist() if not name.endswith("/")
        }
    manifest = json.loads(members.pop("manifest.json"))
    change(members, manifest)
    manifest["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr("manifest.json", json.dumps(manifest))
    return target


def set_row(table, **values):
    def change(members, _):
        first, *rest = members[f"{table}.jsonl"].splitlines()
        lines = [json.dumps({**json.loads(first), **values}).encode(), *rest]
        members[f"{table}.jsonl"] = b"\n".join(lines) + b"\n"

    return change


def set_manifest(**values):
    return lambda _, manifest: manifest.update(values)


def drop(name):
    return lambda members, _: members.pop(name)


def add(name, data=b"x"):
    return lambda members, _: members.update({name: data})


CHANGES = {
    "newer": set_manifest(version=99),
    "another format": set_manifest(format="zip"),
    "no version": set_manifest(version="1"),
    "wrong counts": set_manifest(counts={"messages": 1}),
    "another agent": set_manifest(agent_id="slack:T9/user/U1"),
    "a member is missing": drop("messages.jsonl"),
    "no agent": drop("agent.json"),
    "a path outside": add("../evil"),
    "an absolute path": add("/etc/evil"),
    "a backslash": add("files\\..\\evil"),
    "a member nobody knows": add("evil.py"),
    "no JSON": add("messages.jsonl", b"{\n"),
    "not an object": add("messages.jsonl", b"[]\n"),
    "deep nesting": add("messages.jsonl", b"[" * 100_000),
    "a number as text": set_row("messages", text=7),
    "a truth value": set_row("messages", tokens=True),
    "an unknown field": set_row("messages", evil="x"),
    "a huge number": set_row("messages", tokens=2**70),
    "half a character": set_row("messages", text="\ud800"),
    "no time": set_row("messages", sent_at="yesterday"),
    "no time zone": set_row("messages", sent_at="2026-01-01T00:00:00"),
    "numbers out of order": set_row("messages", seq=10**6),
    "a conversation of others": set_row("summaries", conversation_id="slack:T9/user/U1/main"),
    "a conversation nobody has": set_row("messages", conversation_id=OLD + "/no"),
    "a doubled summary": lambda members, manifest: (
        members.update({"summaries.jsonl": members["summaries.jsonl"] * 2}),
        manifest["counts"].update(summaries=4),
    ),
    "a history that is none": set_row("blocks", history=[{"evil": 1}]),
}


class TestRefusal:
    """What is damaged, newer or too large is refused whole."""

    @pytest.mark.parametrize("name", CHANGES)
    async def test_a_changed_archive_changes_nothing(self, exported, other, tmp_path, name):
        file, _ = exported
        bad = rebuilt(file, tmp_path / "bad.zip", CHANGES[name])
        with pytest.raises(ArchiveRefused):
            await other.import_archive(bad, agent_id=None, dry_run=False, at=NOON)
        assert await other.agents() == []
        assert await other.check() == []

    async def test_a_member_that_is_not_the_one_of_the_manifest_is_refused(
        self, exported, tmp_path
    ):
        file, _ = exported
        bad = tmp_path / "bad.zip"
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(bad, "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name).replace(b"zebra 1", b"zebra 7"))
        with pytest.raises(ArchiveRefused, match="has changed"):
            open_archive(bad)

    async def test_an_unchanged_copy_is_taken(self, exported, other, tmp_path):
        file, counts = exported
        copy = rebuilt(file, tmp_path / "copy.zip", lambda *_: None)
        found = await other.import_archive(copy, agent_id=None, dry_run=False, at=NOON)
        assert found == counts

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.data())
    def test_a_flipped_byte_never_gives_other_rows(self, sample_archive, tmp_path, data):
        content = bytearray(sample_archive.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        bad = tmp_path / "flipped.zip"
        bad.write_bytes(content)
        try:
            archive = open_archive(bad)
        except ArchiveRefused:
            return
        whole = open_archive(sample_archive)
        assert archive.agent == whole.agent
        assert list(archive.rows("messages")) == list(whole.rows("messages"))

    @settings(
        max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.binary(max_size=300))
    def test_any_other_file_is_refused(self, tmp_path, data):
        file = tmp_path / "any.zip"
        file.write_bytes(data)
        with pytest.raises(ArchiveRefused):
            open_archive(file)

    async def test_a_truncated_file_is_refused(self, exported, tmp_path):
        file, _ = exported
        short = tmp_path / "short.zip"
        short.write_bytes(file.read_bytes()[:-200])
        with pytest.raises(ArchiveRefused):
            open_archive(short)

    def test_a_missing_file_is_refused(self, tmp_path):
        with pytest.raises(ArchiveRefused, match="cannot be read"):
            open_archive(tmp_path / "none.zip")

    @pytest.mark.parametrize(
        "limits",
        [Limits(bytes=100), Limits(members=3), Limits(line_bytes=50), Limits(rows=2)],
    )
    async def test_sizes_and_counts_are_bounded(self, exported, limits):
        file, _ = exported
        with pytest.raises(ArchiveRefused):
            open_archive(file, limits)

    async def test_a_size_that_lies_is_found(self, exported, tmp_path):
        file, _ = exported
        content = bytearray(file.read_bytes())
        entry = content.rfind(b"PK\x01\x02")
        content[entry + 24 : entry + 28] = struct.pack("<I", 1)
        bad = tmp_path / "lies.zip"
        bad.write_bytes(content)
        with pytest.raises(ArchiveRefused):
            open_archive(bad)

    async def test_an_agent_that_remembers_is_not_written_over(self, store, exported):
        file, _ = exported
        before = await memory(store, room())
        for dry_run in (True, False):
            with pytest.raises(ArchiveRefused, match="remembers"):
                await store.import_archive(file, agent_id=None, dry_run=dry_run, at=NOON)
        assert await memory(store, room()) == before

    async def test_a_dry_run_counts_and_writes_nothing(self, exported, other):
        file, counts = exported
        assert await other.import_archive(file, agent_id=None, dry_run=True, at=NOON) == counts
        assert await other.agents() == []


@pytest.fixture(scope="module")
def sample_archive(tmp_path_factory):
    import asyncio

    folder = tmp_path_factory.mktemp("sample")

    async def make():
        store = await open_sqlite(folder, now=FixedClock())
        await fill(store)
        await store.export(OLD, folder / "sample.zip", NOON)
        await store.close()

    asyncio.run(make())
    return folder / "sample.zip"
