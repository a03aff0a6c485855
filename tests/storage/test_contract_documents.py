"""Documents in a store: in sight whole or not at all, replaced, removed, erased, carried over."""

import json
import zipfile
from dataclasses import replace

import pytest
from ulid import ULID

from engine.errors import StaleDocument
from engine.knowledge import owner_scope
from engine.records import ArchivalSearch, Attachment, Document
from tests.storage.builders import NOON, direct, event, later, passage, request, room, talk
from tests.storage.conftest import open_sqlite

HANDBOOK = "knowledge:local/handbook"


def document(name="guide.md", **changes):
    values = {"id": str(ULID()), "name": name, "sha256": "0", "size_bytes": 7, "loaded_at": NOON}
    return Document(**(values | {"author": "operator"} | changes))


def parts(one, *texts):
    return [
        passage(
            text,
            title=f"{one.name}, page 1",
            document_id=one.id,
            author=one.author,
            source_key=one.source_key,
        )
        for text in texts
    ]


async def load(store, scope, *texts, **changes):
    one = document(**changes)
    await store.add_document_part(scope, one, parts(one, *texts))
    whole = replace(one, passages=len(texts))
    await store.publish_document(scope, whole)
    return whole


async def found(store, scope, query, knowledge=()):
    page = await store.search_archival(scope, ArchivalSearch(query=query, page_size=50), knowledge)
    return [hit.text for hit in page.hits]


class TestLoading:
    async def test_a_document_is_found_once_it_is_published(self, store):
        one = document()
        await store.add_document_part(direct(), one, parts(one, "a zebra", "two zebras"))
        assert await found(store, direct(), "zebra") == []
        assert await store.documents(direct()) == []
        await store.publish_document(direct(), replace(one, passages=2, pages=3))
        assert sorted(await found(store, direct(), "zebra")) == ["a zebra", "two zebras"]
        assert await store.documents(direct()) == [replace(one, passages=2, pages=3)]
        assert (await store.counts(direct())).passages == 2

    async def test_a_second_of_its_name_takes_its_place(self, store):
        await load(store, direct(), "an old zebra", "another old zebra")
        newer = await load(store, direct(), "a new zebra")
        assert await found(store, direct(), "zebra") == ["a new zebra"]
        assert await store.documents(direct()) == [newer]
        assert (await store.counts(direct())).passages == 1

    async def test_the_old_one_is_in_sight_until_the_new_one_is_whole(self, store):
        await load(store, direct(), "an old zebra")
        newer = document()
        await store.add_document_part(direct(), newer, parts(newer, "a new zebra"))
        assert await found(store, direct(), "zebra") == ["an old zebra"]

    async def test_one_that_was_removed_meanwhile_is_not_published(self, store):
        one = document()
        await store.add_document_part(direct(), one, parts(one, "a zebra"))
        await store.drop_document(direct(), one.id)
        with pytest.raises(StaleDocument):
            await store.publish_document(direct(), replace(one, passages=1))

    async def test_one_that_lost_its_beginning_meanwhile_is_not_published(self, store):
        one = document()
        await store.add_document_part(direct(), one, parts(one, "a zebra"))
        await store.drop_document(direct(), one.id)
        await store.add_document_part(direct(), one, parts(one, "more of a zebra"))
        with pytest.raises(StaleDocument):
            await store.publish_document(direct(), replace(one, passages=2))
        assert await found(store, direct(), "zebra") == []

    async def test_what_a_killed_process_left_is_swept(self, opener):
        store = await opener()
        one, fresh = document(), document("new.md", loaded_at=later(30))
        await store.add_document_part(direct(), one, parts(one, "half a zebra"))
        await store.add_document_part(direct(), fresh, parts(fresh, "a fresh zebra"))
        await store.close()
        store = await opener()
        await store.sweep_documents(later(10))
        with pytest.raises(StaleDocument):
            await store.publish_document(direct(), replace(one, passages=1))
        await store.publish_document(direct(), replace(fresh, passages=1))
        assert await found(store, direct(), "zebra") == ["a fresh zebra"]
        await store.close()

    async def test_a_half_loaded_passage_is_no_duplicate(self, store):
        one = document()
        await store.add_document_part(direct(), one, parts(one, "a zebra is striped"))
        assert await store.find_duplicate_passage(direct(), "a zebra is striped") is None


class TestRemoving:
    async def test_it_is_gone_and_others_stay(self, store):
        one = await load(store, direct(), "a zebra")
        await load(store, direct(), "a striped horse", name="other.md")
        assert await store.drop_document(direct(), one.id) == 1
        assert await found(store, direct(), "zebra striped") == ["a striped horse"]
        assert [kept.name for kept in await store.documents(direct())] == ["other.md"]
        assert (await store.counts(direct())).passages == 1

    async def test_only_its_own_agent_can(self, store):
        one = await load(store, direct(), "a zebra")
        await load(store, direct("U2"), "another zebra")
        assert await store.drop_document(direct("U2"), one.id) == 0
        assert await found(store, direct(), "zebra") == ["a zebra"]

    async def test_many_passages_go(self, store):
        one = await load(store, direct(), *(f"zebra {number}" for number in range(450)))
        assert await store.drop_document(direct(), one.id) == 450

    async def test_a_reset_takes_documents_along(self, store):
        await load(store, direct(), "a zebra")
        receipt = await store.reset(
            direct().agent_id, conversation_only=False, actor="operator", at=NOON
        )
        assert (receipt.removed["documents"], receipt.removed["passages"]) == (1, 1)
        assert await store.documents(direct()) == []


class TestForgetting:
    async def test_the_files_of_a_person_go_and_those_of_others_stay(self, opener, tmp_path):
        store = await opener()
        await talk(store, "Hello", scope=room("U1"))
        await talk(store, "Hello", scope=room("U2"))
        await load(store, room("U1"), "heliotrope", name="theirs.md", author="slack:T1/U1")
        await load(store, room("U1"), "marigold", name="others.md", author="slack:T1/U2")
        await store.forget("slack:T1/U1", actor="operator", at=NOON)
        assert [kept.name for kept in await store.documents(room())] == ["others.md"]
        assert await found(store, room(), "heliotrope marigold") == ["marigold"]
        await store.close()
        raw = b"".join(file.read_bytes() for file in tmp_path.glob("membot.db*"))
        assert b"heliotrope" not in raw
        assert b"theirs.md" not in raw
        assert b"marigold" in raw

    async def test_a_document_that_quotes_a_person_stays(self, store):
        await talk(store, "the capital of France", scope=room("U1"))
        await load(store, room("U1"), "Paris is the capital of France.")
        await store.forget("slack:T1/U1", actor="operator", at=NOON)
        assert await found(store, room(), "Paris") == ["Paris is the capital of France."]


class TestArchives:
    @pytest.fixture
    async def other(self, tmp_path):
        folder = tmp_path / "other"
        folder.mkdir()
        store = await open_sqlite(folder)
        yield store
        await store.close()

    async def test_documents_come_back_with_their_passages(self, store, other, tmp_path):
        await talk(store, scope=direct())
        one = await load(store, direct(), "a zebra", pages=0)
        half = document("half.md")
        await store.add_document_part(direct(), half, parts(half, "half a zebra"))
        counts = await store.export(direct().agent_id, tmp_path / "a.zip", NOON)
        assert (counts["documents"], counts["passages"]) == (1, 1)
        await other.import_archive(tmp_path / "a.zip", agent_id=None, dry_run=False, at=NOON)
        assert await other.documents(direct()) == [one]
        assert (await other.counts(direct())).passages == 1
        assert await other.drop_document(direct(), one.id) == 1

    async def test_a_copy_under_another_key_is_a_document_of_its_own(self, store, tmp_path):
        await talk(store, scope=direct())
        one = await load(store, direct(), "a zebra")
        await store.export(direct().agent_id, tmp_path / "a.zip", NOON)
        copy = direct("U9")
        await store.import_archive(
            tmp_path / "a.zip", agent_id=copy.agent_id, dry_run=False, at=NOON
        )
        (copied,) = await store.documents(copy)
        assert copied.id != one.id
        assert await store.drop_document(copy, copied.id) == 1
        assert await found(store, direct(), "zebra") == ["a zebra"]

    async def test_an_archive_of_before_there_were_documents_is_read(self, store, other, tmp_path):
        await talk(store, scope=direct(), passages=(passage("a zebra"),))
        await store.export(direct().agent_id, tmp_path / "new.zip", NOON)
        _as_version_1(tmp_path / "new.zip", tmp_path / "old.zip")
        await other.import_archive(tmp_path / "old.zip", agent_id=None, dry_run=False, at=NOON)
        assert await found(other, direct(), "zebra") == ["a zebra"]


def _as_version_1(new, old):
    from hashlib import sha256

    with zipfile.ZipFile(new) as source, zipfile.ZipFile(old, "w") as target:
        manifest = json.loads(source.read("manifest.json"))
        rows = [json.loads(line) for line in source.read("passages.jsonl").splitlines()]
        for row in rows:
            del row["document_id"]
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        manifest["version"] = 1
        del manifest["counts"]["documents"], manifest["sha256"]["documents.jsonl"]
        manifest["sha256"]["passages.jsonl"] = sha256(lines).hexdigest()
        for name in source.namelist():
            if name not in ("manifest.json", "passages.jsonl", "documents.jsonl"):
                target.writestr(name, source.read(name))
        target.writestr("passages.jsonl", lines)
        target.writestr("manifest.json", json.dumps(manifest))


class TestKnowledge:
    """Reference text is found beside an agent's own passages, by whom the caller names."""

    @pytest.fixture
    async def handbook(self, store):
        await load(store, owner_scope(HANDBOOK), "A zebra may not be ridden.", name="rules.md")
        await talk(store, scope=direct(), passages=(passage("Ada saw a zebra."),))

    async def test_it_is_found_in_one_ranking_and_marked(self, store, handbook):
        search = ArchivalSearch(query="zebra ridden", page_size=50)
        page = await store.search_archival(direct(), search, (HANDBOOK,))
        assert [hit.text for hit in page.hits] == ["A zebra may not be ridden.", "Ada saw a zebra."]
        assert [hit.where for hit in page.hits] == ["handbook: rules.md, page 1", ""]
        assert page.total == 2

    async def test_it_is_found_by_nobody_for_whom_it_is_not_named(self, store, handbook):
        assert await found(store, direct(), "zebra ridden") == ["Ada saw a zebra."]

    async def test_an_agent_that_has_nothing_of_its_own_finds_it(self, store, handbook):
        new = direct("U9")
        assert await found(store, new, "zebra", (HANDBOOK,)) == ["A zebra may not be ridden."]

    async def test_another_agent_can_never_be_named(self, store, handbook):
        with pytest.raises(ValueError, match="no owner of knowledge"):
            await found(store, direct("U9"), "zebra", (direct().agent_id,))

    async def test_its_owner_is_no_agent_in_the_list(self, store, handbook):
        assert [one.agent_id for one in await store.agents()] == [direct().agent_id]
        assert await store.knowledge_owners() == [HANDBOOK]

    async def test_its_owner_can_be_dropped(self, store, handbook):
        await store.drop_owner(HANDBOOK)
        assert await store.knowledge_owners() == []
        assert await found(store, direct(), "ridden", (HANDBOOK,)) == []


class TestUploads:
    """Files of messages wait in the database until they are read."""

    def files(self, *names, media_type="text/plain"):
        return tuple(
            Attachment(name=name, media_type=media_type, size_bytes=7, url=f"http://x/{name}")
            for name in names
        )

    async def test_those_of_a_new_message_wait_in_order(self, store):
        made = request("see", attachments=self.files("a.txt", "b.txt"))
        await store.accept(made)
        assert await store.agents_with_uploads() == [direct().agent_id]
        first = await store.next_upload(direct().agent_id)
        assert (first.attachment.name, first.turn_id, first.attempt) == ("a.txt", made.turn_id, 1)
        assert first.event.scope == made.event.scope
        assert first.event.address == made.event.address
        await store.finish_upload(first, None, NOON)
        assert (await store.next_upload(direct().agent_id)).attachment.name == "b.txt"

    async def test_a_message_that_comes_twice_brings_them_once(self, store):
        made = event("see", key="k", attachments=self.files("a.txt"))
        for _ in range(2):
            await store.accept(replace(request(), event=made, turn_id=str(ULID())))
        await store.finish_upload(await store.next_upload(direct().agent_id), None, NOON)
        assert await store.agents_with_uploads() == []

    async def test_pictures_do_not_wait(self, store):
        await store.accept(request(attachments=self.files("a.png", media_type="image/png")))
        assert await store.agents_with_uploads() == []

    async def test_one_that_was_begun_waits_after_a_restart(self, opener):
        store = await opener()
        await store.accept(request(attachments=self.files("a.txt")))
        await store.next_upload(direct().agent_id)
        await store.close()
        store = await opener()
        assert (await store.next_upload(direct().agent_id)).attempt == 2
        await store.close()

    async def test_a_refusal_leaves_through_the_outbox_once(self, store):
        await store.accept(request(attachments=self.files("a.bin")))
        upload = await store.next_upload(direct().agent_id)
        for _ in range(2):
            await store.finish_upload(upload, "a.bin is of a kind I cannot read.", NOON)
        (item,) = await store.outbox_due("slack", NOON, 9)
        assert (item.text, item.kind) == ("a.bin is of a kind I cannot read.", "notice")

    async def test_those_of_a_forgotten_person_go(self, store):
        await store.accept(request(scope=room("U1"), attachments=self.files("a.txt")))
        await store.forget("slack:T1/U1", actor="operator", at=NOON)
        assert await store.agents_with_uploads() == []
