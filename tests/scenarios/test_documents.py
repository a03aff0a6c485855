"""Promise: a file that somebody sends is read, found by place, and never lost or a danger."""

import asyncio
import json

import pytest

from engine.config import DocumentConfig
from engine.documents import OPERATOR
from engine.errors import BadRequest, DeliveryDelayed
from engine.loading import Loader, NewFile
from engine.records import ArchivalSearch, Attachment
from engine.testing import call
from engine.uploads import Uploads
from tests.bots.memory_rig import until
from tests.engine.builders import dm_scope, event, room_scope
from tests.engine.conftest import memory as memory  # noqa: PLC0414 - the fixture
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture
from tests.engine.files import pdf
from tests.engine.test_turn import results_in


class Shelf:
    """A platform's files by name, and what goes wrong with them."""

    def __init__(self):
        self.files = {}
        self.problems = []
        self.asked = []

    def keep(self, name, data, media_type="application/octet-stream"):
        self.files[name] = data
        return Attachment(
            name=name, media_type=media_type, size_bytes=len(data), url=f"http://x/{name}"
        )

    async def fetch(self, platform, attachment, limit_bytes):
        self.asked.append((platform, attachment.name, limit_bytes))
        if self.problems:
            raise self.problems.pop(0)
        return self.files[attachment.name]


class Desk:
    """The engine with somebody who reads files."""

    def __init__(self, rig):
        self.rig = rig
        self.shelf = Shelf()
        self.lines = []
        self.open()

    def open(self, **limits):
        self.uploads = Uploads(
            inbox=self.rig.dispatcher,
            store=self.rig.store,
            fetch=self.shelf.fetch,
            config=DocumentConfig(**limits),
            now=self.rig.clock,
            on_commit=self.rig._committed,
            show_progress=lambda work, line: self.lines.append(line),
            first_pause_seconds=0,
        )

    async def send(self, *attachments, scope=None, key="1"):
        sent = event("Have a look", scope=scope, key=key, attachments=attachments)
        return await self.uploads.submit(sent)

    async def read(self):
        """Wait until nothing is left to read and nothing left to answer."""
        await until(lambda: not self.uploads._serving, seconds=20)
        await until(lambda: not self.rig.dispatcher._serving, seconds=20)

    async def told(self):
        """What left through the outbox, the notices apart."""
        items = []
        while found := await self.rig.store.outbox_due("console", self.rig.clock(), 9):
            for item in found:
                await self.rig.store.mark_sent(item.id, "ref", self.rig.clock())
                items.append((item.kind, item.text))
        return items


@pytest.fixture
async def desk(rig):
    desk = Desk(rig)
    yield desk
    await desk.uploads.close()


def events_of(rig, kind):
    """Envelopes of a kind in the last request."""
    entries = [json.loads(text) for text in rig.model.requests[-1].messages]
    shown = [json.loads(entry["content"]) for entry in entries if entry["role"] == "user"]
    return [envelope for envelope in shown if envelope["type"] == kind]


class TestAFileInAMessage:
    @pytest.mark.behaviour("how.files-in", "discord", "slack")
    async def test_is_read_told_of_and_found_by_page(self, rig, desk):
        book = desk.shelf.keep("book.pdf", pdf("Nothing", "The heliotrope blooms in May"))
        rig.script(
            call("send_message", message="A book!"),
            call("archival_memory_search", query="When does heliotrope bloom?"),
            call("send_message", message="I have read it: in May, page 2."),
        )
        rig.model.then(call("send_message", message="spare"))
        await desk.send(book)
        await desk.read()
        (told,) = events_of(rig, "file_upload")
        assert told["message"].startswith("book.pdf (")
        assert "2 pages) is now in archival memory as 2 passages" in told["message"]
        assert told["files"][0]["name"] == "book.pdf"
        hits = results_in(rig.model.requests[2])[-1]["message"]
        assert '"where": "book.pdf, page 2"' in hits
        assert '"who": "Ada"' in hits

    async def test_says_how_far_the_reading_is_and_when_it_is_over(self, rig, desk):
        rig.script(call("send_message", message="One"), call("send_message", message="Two"))
        await desk.send(desk.shelf.keep("book.pdf", pdf("one", "two")))
        await desk.read()
        assert desk.lines == ["reading book.pdf", "reading book.pdf, page 2 of 2", ""]

    async def test_is_answered_to_the_person_who_sent_it(self, rig, desk):
        rig.script(
            call("send_message", message="One moment."), call("send_message", message="Read.")
        )
        await desk.send(desk.shelf.keep("a.txt", b"zebra"))
        await desk.read()
        assert [text for _, text in await desk.told()] == ["One moment.", "Read."]

    async def test_is_known_by_the_message_it_came_with(self, rig, desk):
        rig.script(call("send_message", message="One"), call("send_message", message="Two"))
        await desk.send(desk.shelf.keep("a.txt", b"zebra"), key="77")
        await desk.read()
        (document,) = await rig.store.documents(dm_scope())
        assert document.source_key.endswith("/77")
        assert (document.author, document.author_name) == ("console:local/ada", "Ada")

    async def test_two_are_read_one_after_the_other(self, rig, desk):
        rig.script(*[call("send_message", message="Yes")] * 3)
        await desk.send(desk.shelf.keep("a.txt", b"a"), desk.shelf.keep("b.md", b"# B\nb"))
        await desk.read()
        assert [one.name for one in await rig.store.documents(dm_scope())] == ["a.txt", "b.md"]

    async def test_a_picture_is_left_alone(self, rig, desk):
        rig.script(call("send_message", message="Nice"))
        await desk.send(desk.shelf.keep("cat.png", b"png", media_type="image/png"))
        await desk.read()
        assert desk.shelf.asked == []
        assert events_of(rig, "user_message")[0]["files"][0]["name"] == "cat.png"


class TestAFileThatCannotBeRead:
    @pytest.mark.parametrize(
        ("name", "data", "sentence"),
        [
            ("a.raw", b"\0\0", "a.raw is of a kind I cannot read"),
            ("scan.pdf", pdf(""), "scan.pdf holds pictures of pages and no text"),
            ("empty.txt", b"\n\n", "empty.txt holds no text"),
            ("big.txt", b"x" * 3000, "big.txt is 3 kB; I read files of at most 2 kB."),
        ],
    )
    async def test_gets_one_plain_sentence_and_no_event(self, rig, desk, name, data, sentence):
        desk.open(max_bytes=2000)
        rig.script(call("send_message", message="Hm"))
        await desk.send(desk.shelf.keep(name, data))
        await desk.read()
        (notice,) = [text for kind, text in await desk.told() if kind == "notice"]
        assert notice.startswith(sentence)
        assert len(rig.model.requests) == 1
        assert await rig.store.agents_with_uploads() == []

    async def test_with_the_name_of_one_of_the_operators_does_not_take_its_place(self, rig, desk):
        loader = Loader(rig.store, DocumentConfig(), rig.clock)
        await loader.load(dm_scope(), NewFile(name="rules.md", data=b"25 days", author=OPERATOR))
        rig.script(call("send_message", message="Hm"))
        await desk.send(desk.shelf.keep("rules.md", b"99 days"))
        await desk.read()
        assert any(
            "the name of a document of the operator's" in text for _, text in await desk.told()
        )
        found = await rig.store.search_archival(dm_scope(), ArchivalSearch(query="days"))
        assert [hit.text for hit in found.hits] == ["25 days"]

    async def test_that_no_process_can_be_started_for_is_read_later(self, rig, desk, monkeypatch):
        start, failures = asyncio.create_subprocess_exec, [OSError()]

        async def starting(*arguments, **how):
            if failures:
                raise failures.pop()
            return await start(*arguments, **how)

        monkeypatch.setattr(asyncio, "create_subprocess_exec", starting)
        rig.script(*[call("send_message", message="Hm")] * 2)
        await desk.send(desk.shelf.keep("a.txt", b"zebra"))
        await desk.read()
        assert events_of(rig, "file_upload")

    async def test_too_large_by_its_own_account_is_not_even_fetched(self, rig, desk):
        desk.open(max_bytes=2000)
        rig.script(call("send_message", message="Hm"))
        await desk.send(desk.shelf.keep("big.txt", b"x" * 3000))
        await desk.read()
        assert desk.shelf.asked == []

    async def test_what_the_platform_never_hands_over_gets_a_sentence(self, rig, desk):
        desk.shelf.problems = [DeliveryDelayed("later")] * 9
        rig.script(call("send_message", message="Hm"))
        await desk.send(desk.shelf.keep("a.txt", b"zebra"))
        await desk.read()
        assert ("notice", "I could not get a.txt; please send it again.") in await desk.told()
        assert len(desk.shelf.asked) == 5

    async def test_what_the_platform_refuses_gets_its_sentence(self, rig, desk):
        desk.shelf.problems = [BadRequest("That file is gone.")]
        rig.script(call("send_message", message="Hm"))
        await desk.send(desk.shelf.keep("a.txt", b"zebra"))
        await desk.read()
        assert ("notice", "That file is gone.") in await desk.told()


class TestAFileInTrouble:
    async def test_what_comes_later_is_read_then(self, rig, desk):
        desk.shelf.problems = [DeliveryDelayed("later")] * 2
        rig.script(call("send_message", message="Hm"), call("send_message", message="Read."))
        await desk.send(desk.shelf.keep("a.txt", b"zebra"))
        await desk.read()
        assert ("answer", "Read.") in await desk.told()

    async def test_a_restart_in_the_middle_loses_none_and_repeats_none(self, rig, desk):
        held = asyncio.Event()
        fetch = desk.shelf.fetch

        async def hanging(*arguments):
            held.set()
            await asyncio.Future()

        desk.shelf.fetch = hanging
        desk.open()
        rig.script(call("send_message", message="Hm"))
        await desk.send(desk.shelf.keep("a.txt", b"zebra"))
        await held.wait()
        await desk.uploads.close()
        desk.shelf.fetch = fetch
        desk.open()
        rig.script(call("send_message", message="Read."))
        await desk.uploads.start(["console"])
        await desk.read()
        assert ("answer", "Read.") in await desk.told()
        desk.open()
        await desk.uploads.start(["console"])
        await desk.read()
        assert len(desk.shelf.asked) == 1

    async def test_a_crash_after_the_event_makes_no_second_one(self, rig, desk):
        rig.script(call("send_message", message="Hm"), call("send_message", message="Read."))
        finish, rig.store.finish_upload = rig.store.finish_upload, _crash
        await desk.send(desk.shelf.keep("a.txt", b"zebra"))
        await desk.read()
        rig.store.finish_upload = finish
        desk.open()
        await desk.uploads.start(["console"])
        await desk.read()
        assert await rig.store.agents_with_uploads() == []
        assert [text for _, text in await desk.told()] == ["Hm", "Read."]

    async def test_the_files_of_a_platform_that_is_not_served_wait(self, rig, desk):
        rig.script(call("send_message", message="Hm"))
        await rig.dispatcher.submit(
            event("See", key="1", attachments=(desk.shelf.keep("a.txt", b"zebra"),))
        )
        await desk.uploads.start(["discord"])
        await desk.read()
        assert desk.shelf.asked == []
        assert await rig.store.agents_with_uploads() == [dm_scope().agent_id]

    async def test_a_file_stays_with_the_room_it_was_sent_in(self, rig, desk):
        rig.script(*[call("send_message", message="Hm")] * 2)
        await desk.send(desk.shelf.keep("a.txt", b"zebra"), scope=room_scope())
        await desk.read()
        assert await rig.store.documents(dm_scope()) == []
        assert len(await rig.store.documents(room_scope())) == 1


class TestAPersonWhoIsForgottenMeanwhile:
    @pytest.mark.parametrize("scope", [dm_scope(), room_scope()])
    async def test_leaves_no_file_behind(self, rig, desk, scope):
        forgotten = asyncio.Event()

        async def forget_first(platform, attachment, limit_bytes):
            await until(lambda: not rig.dispatcher._serving)
            await rig.store.forget("console:local/ada", actor="operator", at=rig.clock())
            forgotten.set()
            return b"zebra"

        desk.shelf.fetch = forget_first
        desk.open()
        rig.script(call("send_message", message="Hm"))
        await desk.send(desk.shelf.keep("a.txt", b"zebra"), scope=scope)
        await desk.read()
        assert forgotten.is_set()
        assert await rig.store.documents(scope) == []
        assert len(rig.model.requests) == 1
        agents = [agent.agent_id for agent in await rig.store.agents()]
        assert agents == ([] if scope == dm_scope() else [scope.agent_id])


async def _crash(*arguments):
    raise RuntimeError("killed")
