"""Files that the model writes and sends to people."""

import json

import pytest

from engine.answer_files import AnswerFile
from engine.assembly import builtin_tools
from engine.file_tools import MOST_CHARS, SEARCHED_CHARS
from engine.records import RecallSearch
from engine.testing import call, calls
from tests.engine.builders import dm_scope


def send(name="plan.md", content="# Plan\n\nTea at four.", **more):
    return call("send_file", name=name, content=content, **more)


async def sent(rig):
    """What waits in the outbox: words and file."""
    items = []
    while due := await rig.store.outbox_due("console", rig.clock(), 9):
        for item in due:
            items.append((item.text, item.file))
            await rig.store.mark_sent(item.id, "ref", rig.clock())
    return items


async def refused(rig, **arguments):
    """The Failed result of a call."""
    rig.script(send(**arguments), call("send_message", message="Sorry."))
    await rig.say("send it")
    result = json.loads(json.loads(rig.model.requests[-1].messages[-1])["content"])
    assert result["status"] == "Failed"
    assert await sent(rig) == [("Sorry.", None)]
    return result["message"]


class TestSendingAFile:
    async def test_is_one_reply_and_ends_the_turn(self, rig):
        rig.script(send(message="Here is your plan."))
        result = await rig.say("make me a plan")
        assert (result.steps, result.replies) == (1, ("Here is your plan.",))
        file = AnswerFile(name="plan.md", content=b"# Plan\n\nTea at four.")
        assert await sent(rig) == [("Here is your plan.", file)]
        assert result.files == (file,)

    async def test_without_a_message_says_its_name(self, rig):
        rig.script(send())
        await rig.say("make me a plan")
        [(words, _)] = await sent(rig)
        assert words == "`plan.md`"

    async def test_goes_beside_a_message_of_its_own(self, rig):
        rig.script(
            calls(
                ("send_message", {"message": "One moment."}),
                ("send_file", {"name": "a.csv", "content": "a,b"}),
            )
        )
        await rig.say("a table please")
        assert [(words, bool(file)) for words, file in await sent(rig)] == [
            ("One moment.", False),
            ("`a.csv`", True),
        ]

    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("../../etc/cron.txt", "cron.txt"),
            ("C:\\Users\\ada\\plan.md", "plan.md"),
            ("@everyone <@&1>.md", "everyone----1.md"),
            ("a`b\n\u202ecod.md", "a-b--cod.md"),
            ("Einkäufe 茶 खरीद.CSV", "Einkäufe-茶-खरीद.CSV"),
            (f"{'n' * 300}.txt", f"{'n' * 60}.txt"),
        ],
    )
    async def test_has_a_name_that_pings_and_reaches_nothing(self, rig, name, safe):
        rig.script(send(name))
        await rig.say("send it")
        [(words, file)] = await sent(rig)
        assert (words, file.name) == (f"`{safe}`", safe)

    @pytest.mark.parametrize("name", ["run.exe", "run.bat", "page", ".md", "../.env", "x.md/", ""])
    async def test_of_another_kind_is_refused(self, rig, name):
        assert "name must end as a text file does" in await refused(rig, name=name)

    async def test_that_is_empty_is_refused(self, rig):
        assert "content is empty" in await refused(rig, content=" \n")

    async def test_that_is_too_large_is_refused(self, rig):
        assert "100,000 characters" in await refused(rig, content="x" * (MOST_CHARS + 1))

    async def test_is_offered_where_the_window_has_room(self):
        names = [{tool.spec.name for tool in builtin_tools(size)} for size in (8191, 8192)]
        assert ["send_file" in some for some in names] == [False, True]


class TestAFileInMemory:
    TEXT = "\n".join(f"Line {number} of the plan." for number in range(60)) + "\nThe word is zebra."

    async def test_is_found_by_what_stands_in_it(self, rig):
        rig.script(send(content=self.TEXT, message="The plan."))
        await rig.say("make me a plan")
        found = await rig.store.search_recall(dm_scope(), RecallSearch(query="zebra"))
        assert found.hits[0].text == f"The plan.\n\nplan.md:\n{self.TEXT}"

    async def test_is_searched_as_far_as_there_is_room(self, rig):
        rig.script(send(content="word " * 10_000))
        await rig.say("make me a plan")
        found = await rig.store.search_recall(dm_scope(), RecallSearch(query="word"))
        assert len(found.hits[0].text) < SEARCHED_CHARS + 100

    async def test_is_its_beginning_and_its_size_to_the_model(self, rig):
        rig.script(send(content=self.TEXT))
        await rig.say("make me a plan")
        entry = (await rig.window()).queue[2]
        assert "Line 1 of" in entry.payload
        assert f"of {len(self.TEXT)} characters" in entry.payload
        assert "zebra" not in entry.payload
        assert len(entry.payload) < 700

    async def test_that_failed_stays_whole_so_that_it_can_be_mended(self, rig):
        rig.script(send("plan.exe", self.TEXT), call("send_message", message="Sorry."))
        await rig.say("make me a plan")
        assert "zebra" in rig.model.requests[-1].messages[-2]

    async def test_that_nobody_may_remember_is_sent_and_not_kept(self, rig):
        scope = dm_scope()
        await rig.answer("Hello")
        await rig.store.go_off_record(scope, rig.clock())
        rig.script(send(content=self.TEXT))
        await rig.say("make me a plan")
        assert [bool(file) for _, file in await sent(rig)] == [False, True]
        found = await rig.store.search_recall(scope, RecallSearch(query="zebra"))
        assert "zebra" not in repr(found.hits)
