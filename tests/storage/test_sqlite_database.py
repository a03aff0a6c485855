"""The SQLite file: who may open it, how it is written, and what is said when it cannot be."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from contextlib import closing

import pytest

from engine.errors import AlreadyRunning, StoreUnavailable
from engine.records import RecallSearch
from engine.testing import FixedClock
from storage.sqlite import backup
from storage.sqlite.database import Database
from storage.sqlite.migrations import migrations
from storage.sqlite.store import SqliteStore
from tests.storage.builders import direct, request, talk


@pytest.fixture
async def database(tmp_path):
    database = await Database.open(tmp_path / "membot.db")
    await database.write(lambda c: c.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)").close())
    yield database
    await database.close()


def insert(number):
    return lambda c: c.execute("INSERT INTO t VALUES (?)", (number,)).rowcount


def numbers(connection):
    return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")]


class TestWriting:
    """One thread writes: in order, in groups, each job whole in itself."""

    async def test_what_is_written_is_read(self, database):
        assert await database.write(insert(1)) == 1
        assert await database.read(numbers) == [1]

    async def test_waiting_writes_share_a_commit(self, database):
        commits, held = [], threading.Event()
        connection = database._writer._connection
        blocking = asyncio.ensure_future(database.write(lambda _: held.wait(5)))
        connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        writes = [asyncio.ensure_future(database.write(insert(number))) for number in range(50)]
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(blocking, *writes)
        assert len(commits) == 1
        assert await database.read(numbers) == list(range(50))

    async def test_a_failing_write_takes_only_itself_back(self, database):
        def half(connection):
            connection.execute("INSERT INTO t VALUES (7)")
            raise ValueError("no")

        jobs = [insert(1), half, insert(1), insert(2)]
        results = await asyncio.gather(*map(database.write, jobs), return_exceptions=True)
        assert [type(one) for one in results] == [int, ValueError, StoreUnavailable, int]
        assert await database.read(numbers) == [1, 2]

    async def test_a_write_that_is_not_waited_for_keeps_its_place(self, database):
        await database.write_soon(insert(1))
        assert await database.look(numbers) == [1]
        await database.write(insert(2))
        assert await database.read(numbers) == [1, 2]

    async def test_a_cancelled_wait_does_not_stop_it(self, database):
        writing = asyncio.ensure_future(database.write(insert(1)))
        await asyncio.sleep(0)
        writing.cancel()
        await database.write(insert(2))
        assert await database.read(numbers) == [1, 2]

    async def test_a_reader_cannot_write(self, database):
        with pytest.raises(StoreUnavailable):
            await database.read(insert(1))

    async def test_a_read_sees_one_moment(self, database):
        started, go_on = threading.Event(), threading.Event()

        def read(connection):
            before = numbers(connection)
            started.set()
            go_on.wait(5)
            return before, numbers(connection)

        reading = asyncio.ensure_future(database.read(read))
        await asyncio.to_thread(started.wait, 5)
        await database.write(insert(1))
        go_on.set()
        assert await reading == ([], [])

    async def test_the_loop_stays_free_while_it_writes(self, database):
        held = threading.Event()
        writing = asyncio.ensure_future(database.write(lambda _: held.wait(5)))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not writing.done()
        held.set()
        assert await writing

    async def test_closing_finishes_what_waits(self, tmp_path):
        database = await Database.open(tmp_path / "membot.db")
        await database.write(lambda c: c.execute("CREATE TABLE t (n)").close())
        writing = [asyncio.ensure_future(database.write_soon(insert(n))) for n in range(5)]
        await asyncio.sleep(0)
        await database.close()
        assert await asyncio.gather(*writing) == [1] * 5
        with closing(sqlite3.connect(tmp_path / "membot.db")) as found:
            assert found.execute("SELECT count(*) FROM t").fetchone() == (5,)

    async def test_a_closed_database_says_so(self, tmp_path):
        database = await Database.open(tmp_path / "membot.db")
        await database.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            await database.write(insert(1))

    async def test_a_full_disk_fails_all_that_shared_the_transaction(self, database):
        await database.alone(lambda c: c.execute("PRAGMA max_page_count = 1").close())

        def much(connection):
            connection.execute("CREATE TABLE big AS SELECT zeroblob(1000000) AS b")

        results = await asyncio.gather(
            database.write(insert(1)), database.write(much), return_exceptions=True
        )
        assert isinstance(results[1], StoreUnavailable)
        assert "disk is full" in str(results[1])
        kept = await database.read(numbers)
        assert kept == ([1] if results[0] == 1 else [])


class TestFiles:
    """Only the owner can read what the bot remembers."""

    async def test_files_and_folder_are_private(self, tmp_path):
        path = tmp_path / "new" / "membot.db"
        store = await SqliteStore.open(path, embedder=None, now=FixedClock(), exclusive=True)
        await talk(store)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert set(modes) == {"membot.db", "membot.db-wal", "membot.db-shm", "membot.db.lock"}
        assert set(modes.values()) == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        await store.close()

    async def test_a_file_that_was_open_to_all_is_closed(self, tmp_path):
        path = tmp_path / "membot.db"
        path.touch(mode=0o644)
        path.chmod(0o644)
        await (await Database.open(path)).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    async def test_every_connection_erases_what_it_deletes(self, database):
        settings = ("secure_delete", "foreign_keys", "journal_mode", "synchronous")

        def found(connection):
            return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings]

        assert await database.look(found) == [1, 1, "wal", 2]
        assert (await database.read(found))[:3] == [1, 1, "wal"]


OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from storage.sqlite.database import Database

async def main():
    database = await Database.open(Path(sys.argv[1]), exclusive=True)
    print("open", flush=True)
    sys.stdin.read()
    await database.close()

asyncio.run(main())
"""


class TestOneProcess:
    """One process answers; others may look and write beside it."""

    async def test_a_second_one_is_refused_with_the_first_ones_number(self, tmp_path):
        path = tmp_path / "membot.db"
        holder = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(OTHER_PROCESS), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert holder.stdout.readline() == "open\n"
            with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"):
                await Database.open(path, exclusive=True)
            beside = await Database.open(path)
            await beside.write(lambda c: c.execute("CREATE TABLE t (n)").close())
            await beside.close()
        finally:
            holder.communicate("", timeout=30)
        again = await Database.open(path, exclusive=True)
        await again.close()

    async def test_a_killed_process_lets_go(self, tmp_path):
        path = tmp_path / "membot.db"
        holder = subprocess.Popen(
            [sys.executable, "-c", OTHER_PROCESS, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        holder.stdout.readline()
        holder.kill()
        holder.communicate(timeout=30)
        database = await Database.open(path, exclusive=True)
        await database.close()

    async def test_what_another_connection_writes_is_found(self, tmp_path):
        stores = [
            await SqliteStore.open(tmp_path / "membot.db", embedder=None, now=FixedClock())
            for _ in range(2)
        ]
        running, shell = stores
        await talk(running, "The zebra")
        assert (await running.search_recall(direct(), RecallSearch(query="zebra"))).total
        await shell.reset(direct().agent_id, conversation_only=False, actor="op", at=FixedClock()())
        assert (await running.search_recall(direct(), RecallSearch(query="zebra"))).total == 0
        await talk(shell, "The giraffe")
        found = await running.search_recall(direct(), RecallSearch(query="giraffe"))
        assert found.hits[0].text == "The giraffe"
        for store in stores:
            await store.close()

    async def test_a_locked_database_is_said(self, database, monkeypatch):
        await database.alone(lambda c: c.execute("PRAGMA busy_timeout = 1").close())
        with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                await database.write(insert(1))
            other.execute("ROLLBACK")
        assert await database.write(insert(1)) == 1


class TestOpening:
    """A file that cannot be used is refused with what to do."""

    async def test_what_is_no_database(self, tmp_path):
        path = tmp_path / "membot.db"
        path.write_bytes(b"hello, this is text " * 100)
        with pytest.raises(StoreUnavailable, match="not a membot database"):
            await Database.open(path)
        assert path.read_bytes().startswith(b"hello")

    async def test_a_damaged_file(self, tmp_path):
        path = tmp_path / "membot.db"
        store = await SqliteStore.open(path, embedder=None, now=FixedClock())
        for number in range(20):
            await talk(store, f"words {number} " * 50)
        await store.close()
        content = bytearray(path.read_bytes())
        content[4096 : len(content)] = b"\xff" * (len(content) - 4096)
        path.write_bytes(content)
        with pytest.raises(StoreUnavailable, match="damaged"):
            await Database.open(path)

    async def test_a_folder_in_its_place(self, tmp_path):
        (tmp_path / "membot.db").mkdir()
        with pytest.raises(StoreUnavailable, match="MEMBOT_DATABASE_URL"):
            await Database.open(tmp_path / "membot.db")

    async def test_a_file_where_the_folder_should_be(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(StoreUnavailable):
            await Database.open(tmp_path / "file" / "membot.db")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    async def test_a_read_only_file(self, tmp_path):
        path = tmp_path / "membot.db"
        await (await Database.open(path)).close()
        path.chmod(0o400)
        with pytest.raises(StoreUnavailable):
            await Database.open(path)

    async def test_a_database_that_turns_read_only_is_said(self, database):
        await database.alone(lambda c: c.execute("PRAGMA query_only = ON").close())
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            await database.write(insert(1))

    async def test_a_newer_schema(self, tmp_path):
        path = tmp_path / "membot.db"
        await (await Database.open(path)).close()
        with closing(sqlite3.connect(path)) as found:
            found.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
                "VALUES ('membot', 'from_the_future', '')"
            )
            found.commit()
        with pytest.raises(StoreUnavailable, match="newer version"):
            await Database.open(path)

    async def test_two_at_once_make_the_tables_once(self, tmp_path):
        opened = await asyncio.gather(*(Database.open(tmp_path / "membot.db") for _ in range(4)))
        for database in opened:
            await database.close()
        with closing(sqlite3.connect(tmp_path / "membot.db")) as found:
            names = [row[0] for row in found.execute("SELECT name FROM _sqlite_migrations")]
        assert len(names) == len(set(names)) == len(migrations._migrations)

    async def test_a_failing_migration_leaves_nothing_half_made(self, tmp_path, monkeypatch):
        def broken(db):
            db.conn.execute("CREATE TABLE half (n)")
            db.conn.execute("SELECT * FROM nowhere")

        kept = [*migrations._migrations]
        monkeypatch.setattr(migrations, "_migrations", [*kept])
        migrations(name="broken")(broken)
        with pytest.raises(StoreUnavailable):
            await Database.open(tmp_path / "membot.db")
        with closing(sqlite3.connect(tmp_path / "membot.db")) as found:
            assert found.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


class TestBackup:
    """A copy is made while the bot runs, is checked, and can be put back."""

    async def test_a_copy_holds_what_was_written_so_far(self, store, opener, tmp_path):
        await talk(store, "The zebra")
        await store.backup(tmp_path / "copies" / "copy.db")
        copied = await SqliteStore.open(
            tmp_path / "copies" / "copy.db", embedder=None, now=FixedClock()
        )
        found = await copied.search_recall(direct(), RecallSearch(query="zebra"))
        assert found.hits[0].text == "The zebra"
        await copied.close()

    async def test_it_is_private_and_one_file(self, store, tmp_path):
        file = tmp_path / "copies" / "copy.db"
        await store.backup(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [found.name for found in file.parent.iterdir()] == ["copy.db"]

    async def test_it_can_be_taken_while_turns_are_written(self, store, tmp_path):
        writing = [store.accept(request(f"m{number}")) for number in range(20)]
        await asyncio.gather(store.backup(tmp_path / "copy.db"), *writing)
        copied = await SqliteStore.open(tmp_path / "copy.db", embedder=None, now=FixedClock())
        assert await copied.check() == []
        await copied.close()

    async def test_a_folder_in_its_place_is_said(self, store, tmp_path):
        (tmp_path / "copy.db").mkdir()
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            await store.backup(tmp_path / "copy.db")

    async def test_a_restored_copy_takes_the_place_of_what_was_there(self, opener, tmp_path):
        store = await opener()
        await talk(store, "kept")
        await store.backup(tmp_path / "copy.db")
        await talk(store, "lost")
        path = store._database.path
        await store.close()
        kept = await backup.restore(tmp_path / "copy.db", path)
        store = await opener()
        assert [it.text for it in (await store.load_window(direct())).queue] == ["kept", "Hi."]
        await store.close()
        before = await SqliteStore.open(kept, embedder=None, now=FixedClock())
        assert (await before.load_window(direct())).queue[-2].text == "lost"
        await before.close()

    async def test_a_log_left_behind_is_not_applied_to_it(self, opener, tmp_path):
        store = await opener()
        await talk(store, "kept")
        await store.backup(tmp_path / "copy.db")
        await talk(store, "lost")
        path = store._database.path
        log = path.with_name("membot.db-wal").read_bytes()
        await store.close()
        path.with_name("membot.db-wal").write_bytes(log)
        await backup.restore(tmp_path / "copy.db", path)
        store = await opener()
        assert await store.check() == []
        assert (await store.counts(direct())).messages == 2
        await store.close()

    @pytest.mark.parametrize("content", [b"", b"text", b"SQLite format 3\0" + b"x" * 5000])
    async def test_what_is_no_backup_is_refused(self, opener, tmp_path, content):
        store = await opener()
        await talk(store)
        path = store._database.path
        await store.close()
        before = path.read_bytes()
        (tmp_path / "bad.db").write_bytes(content)
        with pytest.raises(StoreUnavailable):
            await backup.restore(tmp_path / "bad.db", path)
        assert path.read_bytes() == before

    async def test_a_missing_backup_is_said(self, tmp_path):
        with pytest.raises(StoreUnavailable, match="no backup"):
            await backup.restore(tmp_path / "none.db", tmp_path / "membot.db")

    async def test_a_running_bot_is_not_robbed_of_its_database(self, opener, tmp_path):
        store = await opener(exclusive=True)
        await store.backup(tmp_path / "copy.db")
        with pytest.raises(AlreadyRunning):
            await backup.restore(tmp_path / "copy.db", store._database.path)
        await store.close()
