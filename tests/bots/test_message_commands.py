"""Remember this, Forget this: by somebody's own act, within everybody's wishes and rights."""

from dataclasses import replace

import pytest

from bots.adapter import CommandRequest, PointedMessage
from bots.allowances import Allowances, Configured
from bots.command_families import build_commands
from bots.conversation_commands import StatusInfo
from bots.places import Places
from bots.routing import Origin
from engine.place_settings import PlaceSetting
from engine.records import ArchivalSearch
from tests.engine.builders import room_scope
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture

ADA, BOB = room_scope("ada"), room_scope("bob")
INFO = StatusInfo(model="m", is_demonstration=False, context_tokens=1000, version="1")


@pytest.fixture
def memory():
    return {}


class Desk:
    """Gives commands about messages to the command layer, on a real store."""

    def __init__(self, rig):
        self.rig = rig
        self.allowances = Allowances(Places(), Configured())
        self.commands = build_commands(
            store=rig.store,
            inbox=rig.dispatcher,
            admins=frozenset({"console:local/root"}),
            now=rig.clock,
            info=INFO,
            allowances=self.allowances,
        )
        self.pointed = PointedMessage(
            source_key="console:room/77",
            author=BOB.speaker,
            author_name="Bob",
            text="The door code is 4711.",
            sent_at=rig.clock(),
        )

    async def give(self, command, scope=ADA, message=None, **changes):
        request = CommandRequest(
            command=f"memory {command}",
            scope=scope,
            actor=scope.speaker,
            actor_name="Somebody",
            message=message,
            **changes,
        )
        return await self.commands.run(request)

    async def remember(self, **changes):
        return (await self.give("remember", message=self.pointed, **changes)).text

    async def notes(self):
        page = await self.rig.store.search_archival(ADA, ArchivalSearch(query="door code"))
        return [(hit.text, hit.who, hit.source_key) for hit in page.hits]


@pytest.fixture
def desk(rig):
    return Desk(rig)


class TestRememberThis:
    async def test_keeps_a_message_as_a_note_of_who_said_it(self, desk):
        assert await desk.remember() == "I keep that as a note; `memory search` finds it."
        assert await desk.notes() == [("The door code is 4711.", "Bob", "console:room/77")]
        assert await desk.remember() == "I keep that already."
        assert len(await desk.notes()) == 1

    async def test_keeps_what_is_typed_as_a_note_of_who_typed_it(self, desk):
        await desk.give("remember", arguments={"text": "The door code is 4711."})
        assert await desk.notes() == [("The door code is 4711.", "Somebody", None)]

    async def test_goes_when_its_message_is_deleted(self, desk):
        await desk.remember()
        assert await desk.rig.dispatcher.delete(ADA.tenant, ["console:room/77"]) == 1
        assert await desk.notes() == []

    @pytest.mark.parametrize("wish", ["pause", "never"])
    async def test_keeps_nothing_of_somebody_who_does_not_want_it(self, desk, wish):
        await desk.rig.store.set_wish(BOB.speaker, wish, desk.rig.clock())
        assert "asked me not to learn" in await desk.remember()
        assert await desk.notes() == []

    async def test_keeps_nothing_off_the_record(self, desk):
        await desk.rig.store.go_off_record(ADA, desk.rig.clock())
        assert "off the record" in await desk.remember()
        assert await desk.notes() == []

    async def test_keeps_nothing_where_nothing_is_learned(self, desk):
        origin = Origin(platform="console", team="local", user="ada", room="r")
        assert "keep that as a note" in await desk.remember(origin=origin)
        closed = PlaceSetting(
            place=origin.place, name="learning", value="off", actor=None, at=desk.rig.clock()
        )
        desk.allowances.places.follow(closed)
        assert "learn nothing here" in await desk.remember(origin=origin)
        typed = await desk.give("remember", origin=origin, arguments={"text": "The door code"})
        assert "learn nothing here" in typed.text
        assert len(await desk.notes()) == 1

    async def test_keeps_nothing_of_outsiders(self, desk):
        origin = Origin(platform="console", team="local", user="ada", room="r")
        assert "learn nothing here" in await desk.remember(origin=origin, outsider=True)
        assert await desk.notes() == []

    async def test_keeps_nothing_for_who_is_shut_out(self, desk):
        shut = PlaceSetting(
            place="console:local/user/ada",
            name="access",
            value="deny",
            actor=None,
            at=desk.rig.clock(),
        )
        desk.allowances.places.follow(shut)
        assert "shut you out" in await desk.remember()
        assert await desk.notes() == []

    async def test_of_a_picture_says_that_there_is_no_text(self, desk):
        desk.pointed = replace(desk.pointed, text=" ")
        assert "no text" in await desk.remember()


class TestForgetThis:
    async def forget(self, desk, scope):
        asked = await desk.give("forget-message", scope=scope, message=desk.pointed)
        if not asked.choices:
            return asked.text
        (choice,) = asked.choices
        changes = {"arguments": choice.arguments, "confirmed": choice.confirmed}
        return (await desk.give("forget-message", scope=scope, **changes)).text

    async def test_unlearns_ones_own_message_in_two_steps(self, desk):
        await desk.remember()
        asked = await desk.give("forget-message", scope=BOB, message=desk.pointed)
        assert "Bob" in asked.text
        assert len(await desk.notes()) == 1
        assert (await self.forget(desk, BOB)).startswith("Forgotten")
        assert await desk.notes() == []

    async def test_is_refused_to_others_on_both_steps(self, desk):
        await desk.remember()
        assert "Only the person who said it" in await self.forget(desk, ADA)
        arguments = {"message": "console:room/77"}
        second = await desk.give("forget-message", arguments=arguments, confirmed=True)
        assert "Only the person who said it" in second.text
        assert len(await desk.notes()) == 1

    async def test_is_allowed_to_admins(self, desk):
        await desk.remember()
        assert (await self.forget(desk, room_scope("root"))).startswith("Forgotten")

    async def test_of_an_unknown_message_says_so(self, desk):
        assert "remember nothing of that message" in await self.forget(desk, ADA)
