"""What only a look into the SQLite file itself can show."""

import json

import pytest

from engine.errors import StoreUnavailable
from engine.records import Quote
from engine.testing import HashEmbedder
from tests.storage.builders import (
    NOON,
    begin,
    direct,
    later,
    passage,
    request,
    room,
    step,
    talk,
)
from tests.storage.test_transfer import rebuilt


@pytest.fixture
def sql(store):
    """Runs one statement in the store's file."""

    async def run(statement, *values):
        return await store._database.write(
            lambda c: [tuple(row) for row in c.execute(statement, values)]
        )

    return run


class TestDamage:
    """Damage is found and said in words."""

    async def test_a_reference_to_nothing(self, store, sql):
        await talk(store)
        await store._database.alone(lambda c: c.execute("PRAGMA foreign_keys = OFF").close())
        await sql("DELETE FROM conversations")
        problems = await store.check()
        assert "rows refer to rows that do not exist (in messages)" in problems[0]
        assert "membot restore" in problems[1]

    async def test_a_word_index_that_does_not_fit(self, store, sql):
        await talk(store)
        await sql("UPDATE recall_words_content SET c0 = 'other'")
        (problem,) = await store.check()
        assert "word index of recall memory is damaged" in problem


class TestEventDetails:
    """The inbound event keeps no text but quotes, and those are forgotten with their author."""

    async def test_the_text_stands_in_the_message_alone(self, store, sql):
        await store.accept(request("zebra"))
        assert "zebra" not in repr(await sql("SELECT * FROM events"))

    @pytest.mark.parametrize(("name", "left"), [("Ada", 0), ("Cleo", 1)])
    async def test_a_quote_goes_with_its_author(self, store, sql, name, left):
        await talk(store, "zebra", scope=room("U1"), name="Ada")
        quoting = request(
            "Right", scope=room("U2"), name="Bea", quote=Quote(author_name=name, text="giraffe")
        )
        await store.accept(quoting)
        await store.forget("slack:T1/U1", actor="op", at=later())
        details = await sql("SELECT details FROM events")
        assert repr(details).count("giraffe") == left


class TestSchedules:
    """Schedules travel with their agent and go with their author."""

    SINCE_VERSION_1 = ("timezone", "author_name", "source_key")

    async def plant(self, store, sql):
        await talk(store, scope=room())
        await sql(
            "INSERT INTO schedules (id, tenant, agent_id, conversation_id, audience, kind, rule, "
            "reason, author, place, place_name, address, next_at, created_at) "
            "VALUES ('s1', ?, ?, ?, 'room', 'timer', '', 'water the plants', "
            "'slack:T1/U1', 'p', '#general', '{}', ?, ?)",
            room().tenant,
            room().agent_id,
            room().conversation_id,
            "2026-12-01T00:00:00.000000+00:00",
            "2026-11-01T00:00:00.000000+00:00",
        )

    async def test_they_rest_in_an_agent_imported_under_another_key(self, store, sql, tmp_path):
        await self.plant(store, sql)
        await store.export(room().agent_id, tmp_path / "out.zip", NOON)
        new = "slack:T2/channel/C9"
        counts = await store.import_archive(
            tmp_path / "out.zip", agent_id=new, dry_run=False, at=NOON
        )
        assert counts["schedules"] == 1
        rows = await sql("SELECT conversation_id, reason, next_at FROM schedules ORDER BY agent_id")
        assert rows[1] == (f"{new}/main", rows[0][1], None)

    async def test_they_go_on_where_their_agent_comes_back_to(self, store, sql, tmp_path):
        await self.plant(store, sql)
        before = await store.agent_schedules(room().agent_id)
        await store.export(room().agent_id, tmp_path / "out.zip", NOON)
        receipt = await store.reset(
            room().agent_id, conversation_only=False, actor="op", at=later()
        )
        assert receipt.removed["schedules"] == 1
        await store.import_archive(tmp_path / "out.zip", agent_id=None, dry_run=False, at=NOON)
        [after] = await store.agent_schedules(room().agent_id)
        assert [after] == before
        assert after.next_at is not None

    async def test_an_archive_of_version_1_has_them_too(self, store, sql, tmp_path):
        def older(members, manifest):
            row = json.loads(members["schedules.jsonl"])
            kept = {name: row[name] for name in row if name not in self.SINCE_VERSION_1}
            members["schedules.jsonl"] = json.dumps(kept).encode() + b"\n"
            manifest["version"] = 1

        await self.plant(store, sql)
        await store.export(room().agent_id, tmp_path / "new.zip", NOON)
        await store.reset(room().agent_id, conversation_only=False, actor="op", at=later())
        old = rebuilt(tmp_path / "new.zip", tmp_path / "old.zip", older)
        await store.import_archive(old, agent_id=None, dry_run=False, at=NOON)
        [after] = await store.agent_schedules(room().agent_id)
        assert (after.reason, after.timezone, after.author_name) == ("water the plants", "UTC", "")

    async def test_they_are_forgotten(self, store, sql):
        await self.plant(store, sql)
        receipt = await store.forget("slack:T1/U1", actor="op", at=later())
        assert receipt.removed["schedules"] == 1


class TestMeaning:
    """A duplicate may have its words in another order when the meaning is the same."""

    async def test_the_same_words_in_another_order(self, opener):
        store = await opener(embedder=HashEmbedder())
        turn = await begin(store)
        await store.commit_step(step(turn, passages=(passage("garden harvest summer"),)))
        _ = [one async for one in store.reindex()]
        found = await store.find_duplicate_passage(direct(), "summer harvest garden")
        assert found.text == "garden harvest summer"
        assert await store.find_duplicate_passage(direct(), "summer harvest gardens moon") is None
        await store.close()

    async def test_a_model_that_fails_is_said(self, opener):
        class Broken(HashEmbedder):
            async def embed(self, texts):
                from storage.embedder import NoVectorsError

                raise NoVectorsError("no weights")

        store = await opener(embedder=Broken())
        with pytest.raises(StoreUnavailable, match="no weights"):
            await anext(store.reindex())
        await store.close()


class TestCost:
    """The window of a long history costs what a short one does."""

    async def test_no_read_of_a_window_scans_a_table(self, store):
        for number in range(3):
            await talk(store, f"m{number}", scope=room())
        plans = []

        def load(connection):
            from storage.sqlite import summaries

            said = []
            connection.set_trace_callback(said.append)
            summaries.load(connection, room())
            connection.set_trace_callback(None)
            for sql in said:
                plans.extend(
                    row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
                )

        await store._database.read(load)
        assert plans
        scans = [plan for plan in plans if plan.startswith("SCAN") and "VIRTUAL" not in plan]
        assert scans == []
