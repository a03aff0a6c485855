"""Promise: people hear of memory pressure once, quietly, and can keep what is about to go."""

import asyncio

import pytest

from bots.adapter import CommandRequest
from bots.command_families import build_commands
from bots.conversation_commands import StatusInfo
from engine.records import ArchivalSearch
from engine.testing import Gate, call, say
from tests.engine.builders import dm_scope, room_scope

INFO = StatusInfo(model="scripted", is_demonstration=False, context_tokens=4096, version="0")


@pytest.fixture
def memory():
    return {"agent": "off", "context_tokens": 4096, "pressure_line": True}


class Desk:
    def __init__(self, rig):
        self.rig = rig
        self.commands = build_commands(
            store=rig.store, inbox=rig.dispatcher, admins=frozenset(), now=rig.clock, info=INFO
        )

    async def run(self, command, scope=None, **arguments):
        scope = scope or dm_scope()
        request = CommandRequest(
            command=command,
            arguments=arguments,
            scope=scope,
            actor=scope.speaker,
            actor_name="Ada",
        )
        return (await self.commands.run(request)).text

    async def press(self, line, label, scope=None):
        choice = next(one for one in line.choices if one.label == label)
        return await self.run(choice.command, scope, **choice.arguments)

    async def lines(self):
        """All lines about memory pressure that have come by now."""
        found = []
        while due := await self.rig.store.outbox_due("console", self.rig.clock(), 99):
            for item in due:
                await self.rig.store.mark_sending(item.id, self.rig.clock())
                await self.rig.store.mark_sent(item.id, "ref", self.rig.clock())
                found += [item] if item.kind == "pressure" else []
        return found

    async def fill(self, scope=None):
        """Talk until the line comes; the line."""
        self.rig.model._otherwise = call("send_message", message="I see. " * 20)
        for number in range(40):
            await self.rig.say(f"Fact {number}: the mast is {number} m. " * 6, scope=scope)
            if found := await self.lines():
                return found[0]
        raise AssertionError("no line came")

    async def kept(self, scope=None):
        page = await self.rig.store.search_archival(
            scope or dm_scope(), ArchivalSearch(query="mast gist")
        )
        return [hit.text for hit in page.hits]


@pytest.fixture
def desk(rig):
    return Desk(rig)


class TestTheLine:
    async def test_it_comes_once_until_the_next_flush_and_is_no_answer(self, desk, rig):
        line = await desk.fill(room_scope())
        assert line.text.startswith("memory ")
        assert line.text.endswith(" %")
        assert [one.label for one in line.choices] == ["Pin", "Let go"]
        result = await rig.say("And now?", scope=room_scope())
        assert result.replies == ("I see. " * 20,)
        assert await desk.lines() == []

    async def test_it_can_be_switched_off(self, desk, rig):
        object.__setattr__(rig.config.memory, "pressure_line", False)
        with pytest.raises(AssertionError, match="no line came"):
            await desk.fill()


class TestPin:
    async def test_the_gist_is_noted_before_the_messages_go(self, desk, rig):
        line = await desk.fill()
        rig.script(say("The gist: the mast."))
        assert "Pinned" in await desk.press(line, "Pin")
        assert rig.model.requests[-1].purpose == "summary"
        assert await desk.kept() == ["The gist: the mast."]

    async def test_two_presses_at_once_keep_it_once(self, desk, rig):
        line = await desk.fill(room_scope())
        gate = Gate(say("The gist: the mast."))
        rig.script(gate)
        both = [
            asyncio.create_task(desk.press(line, "Pin", room_scope(who))) for who in ("ada", "bob")
        ]
        await gate.reached.wait()
        gate.release.set()
        texts = await asyncio.gather(*both)
        assert sorted(text.split()[0] for text in texts) == ["Pinned:", "That"]
        assert len(await desk.kept(room_scope())) == 1

    async def test_it_goes_with_any_message_it_was_made_of(self, desk, rig):
        line = await desk.fill()
        rig.script(say("The gist: the mast."))
        await desk.press(line, "Pin")
        first = (await rig.window()).queue[0]
        keys = [one.source_key for one in (await rig.window()).queue if one.source_key]
        assert first
        await rig.dispatcher.delete("console:local", keys[:1])
        assert await desk.kept() == []

    async def test_what_was_summarised_meanwhile_is_said_to_be(self, desk, rig):
        line = await desk.fill()
        await rig.store.start_conversation(dm_scope(), rig.clock())
        assert "waits to be summarised" in await desk.press(line, "Pin")
        assert await desk.kept() == []

    async def test_nothing_is_made_of_what_a_person_said_while_learning_is_paused(self, desk, rig):
        await rig.store.set_wish(dm_scope().speaker, "pause", rig.clock())
        line = await desk.fill()
        assert "nothing was noted" in await desk.press(line, "Pin")
        assert await desk.kept() == []

    async def test_one_of_another_place_is_not_found(self, desk, rig):
        line = await desk.fill()
        assert "waits to be summarised" in await desk.press(line, "Pin", room_scope())

    async def test_without_a_model_it_keeps_first_and_last_lines(self, desk, rig):
        line = await desk.fill()
        rig.model._otherwise = None
        assert "Pinned" in await desk.press(line, "Pin")
        assert "Fact 0" in (await desk.kept())[0]

    async def test_an_erasure_meanwhile_is_said(self, desk, rig):
        line = await desk.fill()
        gate = Gate(say("The gist: the mast."))
        rig.script(gate)
        pressing = asyncio.create_task(desk.press(line, "Pin"))
        await gate.reached.wait()
        rig.clock.advance(1)
        key = next(one.source_key for one in (await rig.window()).queue if one.source_key)
        await rig.dispatcher.delete("console:local", [key])
        gate.release.set()
        assert "try again" in await pressing
        assert await desk.kept() == []


class TestLetGo:
    async def test_nothing_is_kept_apart(self, desk, rig):
        line = await desk.fill()
        assert "summarised when" in await desk.press(line, "Let go")
        assert await desk.kept() == []
