"""Promise: what needs a person's yes is run once after it, and never without."""

import asyncio
import json
import re
from dataclasses import replace
from functools import partial

import pytest

from bots.adapter import CommandRequest
from bots.command_families import build_commands
from bots.conversation_commands import StatusInfo
from bots.housekeeping import keep_approvals
from engine.answer_files import AnswerFile
from engine.errors import StoreUnavailable
from engine.own_tools import Threads, ToolLimits, own_tool
from engine.testing import call, say
from tests.bots.memory_rig import until
from tests.bots.processes import membot
from tests.engine.builders import dm_scope, room_scope
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture
from tests.fixtures.model_server import ModelServer, tool_calls

INFO = StatusInfo(model="m", is_demonstration=False, context_tokens=1000, version="1")
ALLOWED = "Allowed; what came of it follows."
ROOM_ADA, ROOM_BOB = room_scope("ada"), room_scope("bob")


@pytest.fixture
def memory():
    return {}


class House:
    """An engine with a tool that counts how often it was really run."""

    def __init__(self, rig):
        self.rig = rig
        self.deleted = []
        self.makes = None
        self.meanwhile = partial(asyncio.sleep, 0)
        self.restart()

    def restart(self):
        async def delete_file(path: str) -> str:
            """Delete a file."""
            self.deleted.append(path)
            await self.meanwhile()
            return self.makes or f"deleted {path}"

        limits = ToolLimits(places=("*",), seconds=5)
        tool = own_tool(delete_file, limits, Threads())

        self.rig.own_tools = (replace(tool, asks_first=True),)
        self.rig.start_engine()
        self.commands = build_commands(
            store=self.rig.store,
            inbox=self.rig.dispatcher,
            admins=frozenset({"console:local/root"}),
            now=self.rig.clock,
            info=INFO,
        )

    async def ask(self, path="a.txt", scope=None, **changes):
        """The person asks, the model calls; the id that the person is shown."""
        self.rig.script(call("delete_file", path=path))
        result = await self.rig.say(f"Delete {path}", scope=scope or dm_scope(), **changes)
        (notice,) = result.replies
        return re.search("allows it, as `(\\w+)`", notice)[1]

    async def command(self, command, approval_id="", scope=None, actor=None):
        scope = scope or dm_scope()
        request = CommandRequest(
            command=command,
            arguments={"id": approval_id} if approval_id else {},
            scope=scope,
            actor=actor or scope.speaker,
            actor_name="Somebody",
        )
        return await self.commands.run(request)

    async def outcome(self, answer, reply="Done."):
        """The turn in which the agent says what came of it."""
        await self.rig.dispatcher.wait_turn(answer.turn_id)
        return json.loads(json.loads(self.rig.model.requests[-1].messages[-1])["content"])


@pytest.fixture
def house(rig):
    return House(rig)


class TestACallThatNeedsAYes:
    async def test_waits_and_the_person_and_the_model_are_told(self, house):
        approval_id = await house.ask("a.txt")
        assert house.deleted == []
        window = await house.rig.window()
        assert f"Waiting for approval as {approval_id}" in window.queue[-1].payload
        (notice,) = await house.rig.store.outbox_due("console", house.rig.clock(), 10)
        assert notice.kind == "notice"
        assert '{"path": "a.txt"}' in notice.text
        assert "request_heartbeat" not in notice.text
        choices = [(one.label, one.command, one.arguments) for one in notice.choices]
        given = {"id": approval_id}
        assert choices == [("Allow", "approve", given), ("Refuse", "deny", given)]

    async def test_runs_once_after_the_yes_and_the_agent_answers_the_person(self, house):
        approval_id = await house.ask()
        house.rig.script(call("send_message", message="It is gone."))
        answer = await house.command("approve", approval_id)
        assert answer.text == ALLOWED
        envelope = await house.outcome(answer)
        assert envelope["type"] == "approval"
        assert "delete_file" in envelope["message"]
        assert "deleted a.txt" in envelope["message"]
        assert house.deleted == ["a.txt"]
        texts = [
            it.text for it in await house.rig.store.outbox_due("console", house.rig.clock(), 9)
        ]
        again = await house.command("approve", approval_id)
        assert again.text == "That is decided already."
        assert again.turn_id is None
        assert house.deleted == ["a.txt"]
        assert len(texts) == 1  # one place delivers in order; the notice is first

    async def test_runs_once_when_two_people_say_yes_at_the_same_time(self, house):
        approval_id = await house.ask()
        house.rig.script(call("send_message", message="Gone."))
        answers = await asyncio.gather(*(house.command("approve", approval_id) for _ in range(5)))
        assert sorted(answer.text for answer in answers)[0] == ALLOWED
        assert house.deleted == ["a.txt"]

    async def test_that_makes_a_file_tells_the_agent_that_nobody_got_it(self, house):
        approval_id = await house.ask()
        house.makes = AnswerFile(name="a.png", content=b"PNG")
        house.rig.script(call("send_message", message="I cannot send it."))
        envelope = await house.outcome(await house.command("approve", approval_id))
        assert "has run, but a file of a tool that waits for a yes is not sent" in str(envelope)

    async def test_is_not_run_after_a_no_and_the_agent_knows(self, house):
        approval_id = await house.ask()
        house.rig.script(call("send_message", message="I leave it."))
        answer = await house.command("deny", approval_id)
        envelope = await house.outcome(answer)
        assert "refused" in envelope["message"]
        assert house.deleted == []
        assert (await house.command("approve", approval_id)).text == "That is decided already."

    async def test_cannot_be_allowed_when_its_time_is_over(self, house):
        approval_id = await house.ask()
        house.rig.clock.advance(60 * 60)
        assert "could be allowed until" in (await house.command("approve", approval_id)).text
        assert (await house.command("approve")).text == "Nothing waits for approval here."
        assert house.deleted == []

    async def test_that_nobody_allows_in_time_is_told_once_to_its_agent(self, house):
        approval_id = await house.ask()
        house.rig.clock.advance(60 * 60)
        house.rig.script(call("send_message", message="Nobody said yes."))
        keeping = asyncio.create_task(keep_approvals(house.rig.dispatcher.expire_approvals))
        await until(house.rig.model.waiting.is_set)
        keeping.cancel()
        said = house.rig.model.requests[-1].messages[-1]
        assert f"waited for approval as {approval_id}" in said
        assert "Nobody allowed it in time" in said
        await house.rig.dispatcher.expire_approvals()
        assert await house.rig.store.untold_approvals() == []
        assert house.deleted == []

    async def test_that_is_late_when_the_process_dies_is_told_at_the_next_start(self, house):
        await house.ask()
        house.rig.clock.advance(60 * 60)
        await house.rig.store.expire_approvals(house.rig.clock())
        house.restart()
        house.rig.script(call("send_message", message="Nobody said yes."))
        await house.rig.dispatcher.start()
        await until(house.rig.model.waiting.is_set)
        assert "Nobody allowed it in time" in house.rig.model.requests[-1].messages[-1]

    async def test_does_not_hold_up_the_mailbox(self, house):
        await house.ask()
        assert (await house.rig.answer("And how are you?", reply="Fine.")).replies == ("Fine.",)

    async def test_is_asked_for_once_however_often_the_model_repeats_it(self, house):
        first = await house.ask()
        house.rig.script(call("delete_file", path="a.txt"), call("send_message", message="Wait."))
        await house.rig.say("Well?")
        waiting = await house.rig.store.waiting_approvals(dm_scope(), house.rig.clock())
        assert [one.id for one in waiting] == [first]

    async def test_that_is_wrong_asks_nobody(self, house):
        house.rig.script(call("delete_file", paht="a.txt"), call("send_message", message="Hm."))
        assert (await house.rig.say()).replies == ("Hm.",)

    async def test_shows_everything_it_would_be_run_with(self, house):
        await house.ask("a\u202etxt.```\n")
        (notice,) = await house.rig.store.outbox_due("console", house.rig.clock(), 10)
        assert "\u202e" not in notice.text
        assert "\\u202e" in notice.text
        assert notice.text.count("```") == 2

    async def test_can_be_looked_up(self, house):
        approval_id = await house.ask("b.txt")
        listed = (await house.command("approve")).text
        assert approval_id in listed
        assert "b.txt" in listed


class TestWhoMayDecide:
    async def test_in_a_room_who_asked_or_an_admin(self, house):
        approval_id = await house.ask(scope=ROOM_ADA)
        refused = await house.command("approve", approval_id, scope=ROOM_BOB)
        assert "Only the person who asked" in refused.text
        assert house.deleted == []
        house.rig.script(call("send_message", message="Gone."))
        allowed = await house.command(
            "approve", approval_id, scope=room_scope("root"), actor="console:local/root"
        )
        assert allowed.text == ALLOWED

    async def test_nobody_from_elsewhere_not_even_an_admin(self, house):
        approval_id = await house.ask(scope=dm_scope("ada"))
        for scope in (dm_scope("root"), room_scope("root")):
            answer = await house.command("approve", approval_id, scope=scope)
            assert "Nothing waits here" in answer.text
        assert house.deleted == []

    async def test_every_decision_is_in_the_audit_log_without_its_arguments(self, house):
        approval_id = await house.ask("secret.txt")
        house.rig.script(say("Gone."))
        await house.command("approve", approval_id)
        (row,) = await house.rig.store.audit(10)
        assert (row.action, row.actor, row.detail) == (
            "approved",
            "console:local/ada",
            "delete_file",
        )


class TestACrash:
    async def test_after_the_yes_never_runs_it_again_and_says_that_nobody_knows(self, house):
        approval_id = await house.ask()
        approval = await house.rig.store.approval(dm_scope(), approval_id)
        await house.rig.store.decide_approval(
            approval, "approved", "console:local/ada", house.rig.clock()
        )
        house.restart()
        house.rig.script(call("send_message", message="Please look."))
        await house.rig.dispatcher.start()
        await until(house.rig.model.waiting.is_set)
        said = house.rig.model.requests[-1].messages[-1]
        assert "nobody knows whether it was done" in said
        assert house.deleted == []
        house.restart()
        await house.rig.dispatcher.start()
        assert await house.rig.store.untold_approvals() == []

    async def test_between_telling_and_noting_it_tells_once(self, house, monkeypatch):
        approval_id = await house.ask()
        house.rig.script(call("send_message", message="Gone."))

        async def die(*_):
            raise StoreUnavailable

        monkeypatch.setattr(house.rig.store, "end_approval", die)
        await house.command("approve", approval_id)
        await until(house.rig.model.waiting.is_set)
        monkeypatch.undo()
        house.restart()
        await house.rig.dispatcher.start()
        assert await house.rig.store.untold_approvals() == []
        assert await house.rig.store.agents_with_turns() == []
        assert house.deleted == ["a.txt"]

    async def test_of_the_step_leaves_no_request_without_its_notice(self, house, monkeypatch):
        async def die(*_):
            raise StoreUnavailable

        house.rig.script(call("delete_file", path="a.txt"))
        monkeypatch.setattr(house.rig.store, "commit_step", die)
        await house.rig.say()
        assert await house.rig.store.waiting_approvals(dm_scope(), house.rig.clock()) == []


class TestWhatIsKept:
    async def test_goes_with_the_person_and_with_the_agent(self, house):
        mine = await house.ask("mine-4711.txt", scope=ROOM_ADA)
        his = await house.ask("his.txt", scope=ROOM_BOB)
        receipt = await house.rig.store.forget(
            "console:local/ada", actor="operator", at=house.rig.clock()
        )
        assert receipt.removed["approvals"] == 1
        assert await house.rig.store.approval(ROOM_BOB, mine) is None
        assert await house.rig.store.approval(ROOM_BOB, his) is not None
        for file in house.rig.store._database.path.parent.iterdir():
            assert b"mine-4711" not in file.read_bytes(), file
        wiped = await house.rig.store.reset(
            ROOM_BOB.agent_id, conversation_only=False, actor="o", at=house.rig.clock()
        )
        assert wiped.removed["approvals"] == 1

    async def test_a_person_who_is_forgotten_while_it_runs_is_not_brought_back(self, house):
        approval_id = await house.ask()
        house.meanwhile = partial(
            house.rig.store.forget, "console:local/ada", actor="o", at=house.rig.clock()
        )
        answer = await house.command("approve", approval_id)
        assert answer.turn_id is None
        assert await house.rig.store.agents() == []

    async def test_goes_with_the_message_that_led_to_it_and_so_does_its_outcome(self, house):
        approval_id = await house.ask("mine-4711.txt", key="m1")
        house.rig.script(call("send_message", message="It is gone."))
        answer = await house.command("approve", approval_id)
        await house.outcome(answer)
        key = f"console:{dm_scope().conversation_id}/m1"
        assert await house.rig.dispatcher.delete(dm_scope().tenant, [key]) == 1
        assert await house.rig.store.approval(dm_scope(), approval_id) is None
        payloads = [message.payload for message in (await house.rig.window()).queue]
        assert not any("mine-4711" in payload for payload in payloads)

    async def test_is_pruned_when_it_is_old(self, house):
        await house.ask()
        house.rig.clock.advance(100 * 86_400)
        assert await house.rig.store.prune(house.rig.clock()) > 0
        row = await house.rig.store._database.read(
            lambda c: c.execute("SELECT count(*) FROM approvals").fetchone()
        )
        assert row[0] == 0


MODULE = '''
__all__ = ["ring"]

def ring(times: int) -> str:
    """Ring the bell."""
    return f"rang {times} times"
'''


async def test_it_works_at_the_terminal(tmp_path):
    (tmp_path / "my_bell.py").write_text(MODULE)
    table = '[tools]\nmodules = ["my_bell"]\napprove = ["ring"]\n'
    (tmp_path / "membot.toml").write_text(table)
    async with ModelServer() as server:
        server.respond = _rings
        asked = await membot(tmp_path, "chat", text="Ring!\n", OPENAI_BASE_URL=server.url)
        approval_id = re.search("`!approve id:(\\w+)`: Allow", asked.out)[1]
        text = f"!approve {approval_id}\n"
        answered = await membot(tmp_path, "chat", text=text, OPENAI_BASE_URL=server.url)
    assert answered.out.strip().splitlines() == [ALLOWED, "It rang."]


def _rings(body):
    last = body["messages"][-1]
    if last["role"] == "user" and "rang 3 times" in last["content"]:
        return tool_calls(("send_message", {"message": "It rang."}))
    return tool_calls(("ring", {"times": 3}))
