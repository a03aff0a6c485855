"""Promise: two people, two channels, a thread and two platforms: each place remembers its own."""

import re

import pytest

from bots.routing import Origin
from engine.records import IncomingEvent
from engine.testing import call, say
from tests.bots.place_rig import PlaceDesk

ADA, BOB = "U1", "U2"
_numbers = iter(range(1, 1_000))


def slack(user, room=None, thread=None):
    return Origin(platform="slack", team="T1", user=user, room=room, thread=thread)


def discord(user="7"):
    return Origin(platform="discord", team="*", user=user)


class Town:
    """An engine with commands beside it; people speak from places."""

    def __init__(self, rig):
        self.rig = rig
        self.desk = PlaceDesk(rig.store, rig.clock)

    async def hear(self, origin, text, *replies, kind="user_message"):
        """Something is said; what the model was sent, and what it answered."""
        self.rig.script(*(replies or (say("Noted."),)))
        scope, number = self.desk.places.scope_of(origin), next(_numbers)
        event = IncomingEvent(
            event_id=f"event-{number}",
            source_key=f"{origin.place}/{number}",
            kind=kind,
            scope=scope,
            place=origin.place,
            place_name="place",
            address="{}",
            speaker_name=origin.user,
            text=text,
            sent_at=self.rig.clock(),
        )
        accepted = await self.rig.dispatcher.submit(event)
        result = await self.rig.dispatcher.wait_turn(accepted.turn_id)
        return self.rig.model.requests[-1], result.replies

    async def keeps(self, origin, fact):
        """Somebody tells a fact, and the agent notes it about them."""
        await self.hear(
            origin,
            fact,
            call("core_memory_append", label="human", content=fact, request_heartbeat=True),
            say("Noted."),
        )

    async def knows(self, origin, fact):
        """Whether a fact reaches the model where something is said, or any search of that agent."""
        request, _ = await self.hear(origin, "hello")
        found = await self.desk.run("memory search", origin, query=fact)
        shown = request.system + "".join(request.messages)
        return fact in shown or fact in found.text


@pytest.fixture
def town(rig):
    return Town(rig)


@pytest.mark.behaviour("who.no-leak", "slack", "discord")
class TestWhoRemembersWhat:
    async def test_each_place_has_its_own_and_a_thread_its_channels(self, town):
        await town.keeps(slack(ADA), "ada-secret")
        await town.keeps(slack(ADA, "C1"), "ada-in-c1")
        await town.keeps(slack(BOB, "C2"), "bob-in-c2")
        await town.keeps(discord(), "ada-on-discord")
        assert await town.knows(slack(ADA), "ada-secret")
        assert await town.knows(slack(BOB, "C1"), "ada-in-c1")
        assert await town.knows(slack(BOB, "C1", "1.5"), "ada-in-c1")
        for fact in ("ada-secret", "bob-in-c2", "ada-on-discord"):
            assert not await town.knows(slack(ADA, "C1"), fact)
            assert not await town.knows(slack(ADA, "C1", "1.5"), fact)
        for fact in ("ada-in-c1", "ada-on-discord", "bob-in-c2"):
            assert not await town.knows(slack(ADA), fact)

    @pytest.mark.parametrize("preset", ["team", "per-user-in-channel", "single"])
    async def test_no_preset_lets_a_room_read_a_direct_message(self, town, preset):
        await town.desk.run("agent map", slack(ADA, "C1"), mapping=preset)
        await town.keeps(slack(ADA), "ada-secret")
        assert not await town.knows(slack(ADA, "C1"), "ada-secret")

    @pytest.mark.behaviour("who.preset-per-user-in-channel", "slack", "discord")
    async def test_a_memory_for_each_person_is_theirs(self, town):
        await town.desk.run("agent map", slack(ADA, "C1"), mapping="per-user-in-channel")
        await town.keeps(slack(ADA, "C1"), "ada-in-c1")
        assert await town.knows(slack(ADA, "C1"), "ada-in-c1")
        assert not await town.knows(slack(BOB, "C1"), "ada-in-c1")


@pytest.mark.behaviour("who.no-silent-merge", "slack", "discord")
@pytest.mark.behaviour("who.override", "slack", "discord")
class TestAnotherPreset:
    async def test_begins_with_its_own_memory_and_the_way_back_finds_the_old_one(self, town):
        room = slack(ADA, "C1")
        await town.keeps(room, "from-before")
        await town.desk.run("agent map", room, mapping="single")
        assert not await town.knows(room, "from-before")
        await town.keeps(room, "for-everybody")
        await town.desk.run("agent map", slack(ADA, "C2"), mapping="single")
        assert await town.knows(slack(BOB, "C2"), "for-everybody")
        await town.desk.run("agent map", room, mapping="team")
        assert await town.knows(room, "from-before")
        assert not await town.knows(room, "for-everybody")


class TestLinkedPlatforms:
    async def link(self, town):
        given = await town.desk.run("memory link", discord())
        code = re.search(r"\*\*(\w+)\*\*", given.text)[1]
        await town.desk.run("memory link", slack(ADA), code=code, keep="there")

    @pytest.mark.behaviour("who.link", "slack", "discord")
    async def test_share_one_memory_and_no_room_reads_it(self, town):
        await town.keeps(discord(), "ada-on-discord")
        await self.link(town)
        await town.keeps(slack(ADA), "ada-on-slack")
        for origin in (slack(ADA), discord()):
            assert await town.knows(origin, "ada-on-discord")
            assert await town.knows(origin, "ada-on-slack")
        for fact in ("ada-on-discord", "ada-on-slack"):
            assert not await town.knows(slack(ADA, "C1"), fact)
            assert not await town.knows(slack(BOB), fact)

    @pytest.mark.behaviour("who.unlink", "slack", "discord")
    async def test_part_with_a_copy_and_learn_apart_from_then_on(self, town):
        await town.keeps(discord(), "ada-on-discord")
        await self.link(town)
        await town.desk.run("memory unlink", slack(ADA), start="copy")
        await town.keeps(slack(ADA), "since-then")
        assert await town.knows(slack(ADA), "ada-on-discord")
        assert not await town.knows(discord(), "since-then")


@pytest.mark.behaviour("when.mode-listen", "slack", "discord")
class TestReadingAlong:
    async def test_plain_text_of_the_model_is_heard_by_nobody(self, town):
        _, replies = await town.hear(slack(ADA, "C1"), "lunch?", say("How nice."), kind="overheard")
        assert replies == ()
        assert await town.rig.store.outbox_due("slack", town.rig.clock(), 9) == []

    async def test_it_speaks_up_with_send_message(self, town):
        _, replies = await town.hear(
            slack(ADA, "C1"),
            "lunch?",
            call("send_message", message="The canteen is closed."),
            kind="overheard",
        )
        assert replies == ("The canteen is closed.",)
