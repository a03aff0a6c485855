"""What a channel is set to: answering in threads, reading along, saying nothing, other bots."""

import json

import discord
import pytest

from bots.places import Places
from tests.bots.discord.doubles import make_adapter
from tests.bots.kept_threads import KeptThreads


@pytest.fixture
def kept():
    return KeptThreads()


@pytest.fixture
def adapter(inbox, runner, clock, kept, request):
    name, value = getattr(request, "param", ("mode", "mention"))
    places = Places(configured=[("discord:*", name, value)])
    return make_adapter(inbox, runner, now=clock, places=places, threads=kept)


def mode(value):
    return pytest.mark.parametrize("adapter", [("mode", value)], indirect=True)


class TestThread:
    @mode("thread")
    @pytest.mark.behaviour("when.mode-thread", "discord")
    async def test_a_mention_opens_one_that_holds_the_conversation_and_the_answer(
        self, guild, general, ada, me, inbox
    ):
        message = await ada.send(general, f"{me} plan my week")
        [event] = inbox.events
        agent = f"discord:{guild.id}/channel/{general.id}"
        assert event.scope.agent_id == agent
        assert event.scope.conversation_id == f"{agent}/thread/{message.id}"
        number = str(message.id)
        assert json.loads(event.address) == {"channel": number, "opened_from": number}
        assert [thread.name for thread in general.threads] == ["plan my week"]

    @mode("thread")
    async def test_it_goes_on_there_without_a_mention(self, general, ada, me, inbox):
        await ada.send(general, f"{me} plan my week")
        [thread] = general.threads
        await ada.send(thread, "and Sunday?")
        first, second = inbox.events
        assert first.scope.conversation_id == second.scope.conversation_id
        assert first.quote is second.quote is None


class TestListen:
    @mode("listen")
    @pytest.mark.behaviour("when.mode-listen", "discord")
    async def test_it_reads_along_and_answers_mentions(self, general, ada, me, inbox):
        await ada.send(general, "lunch?")
        await ada.send(general, f"{me} what is for lunch")
        assert [event.kind for event in inbox.events] == ["overheard", "user_message"]


class TestOff:
    @mode("off")
    @pytest.mark.behaviour("when.mode-off", "discord")
    async def test_it_answers_no_mention_but_direct_messages(
        self, simcord_env, general, ada, me, inbox
    ):
        await ada.send(general, f"{me} hello")
        await ada.send_dm("hello")
        assert [event.scope.audience for event in inbox.events] == ["private"]


class TestSingle:
    """One memory for a server: of what everybody there may read, and of nothing else."""

    @pytest.fixture
    def private(self, simcord_env, guild):
        hidden = discord.PermissionOverwrite(view_channel=False)
        seen = discord.PermissionOverwrite(view_channel=True)
        overwrites = {guild.default_role: hidden, simcord_env.bot.user: seen}
        return guild.create_text_channel("private", overwrites=overwrites)

    @pytest.fixture
    def grace(self, simcord_env, guild):
        everything = discord.Permissions(administrator=True)
        role = guild.create_role("Mods", permissions=everything)
        return guild.add_member(simcord_env.create_user("grace"), roles=[role])

    @pytest.mark.parametrize("adapter", [("mapping", "single")], indirect=True)
    @pytest.mark.behaviour("who.preset-single", "discord")
    async def test_a_private_channel_keeps_its_own(self, guild, private, grace, me, inbox, runner):
        general = guild.create_text_channel("general")
        for place in (general, private):
            await grace.send(place, f"{me} hello")
            await grace.send(place, f"{me} !memory show")
            await grace.slash(place, "memory show")
        shared, own = f"discord:{guild.id}/workspace", f"discord:{guild.id}/channel/{private.id}"
        assert [event.scope.agent_id for event in inbox.events] == [shared, own]
        agents = [request.scope.agent_id for request in runner.requests]
        assert agents == [shared, shared, own, own]

    @pytest.mark.parametrize("adapter", [("mapping", "single")], indirect=True)
    async def test_so_does_a_private_thread_of_an_open_one(
        self, simcord_env, guild, general, grace, me, inbox
    ):
        make = simcord_env.backend.create_thread
        for kind in (discord.ChannelType.public_thread, discord.ChannelType.private_thread):
            made = make(general.id, kind.name, grace.id, type=kind.value)
            thread = next(one for one in general.threads if one.id == made.id)
            await grace.send(thread, f"{me} hello")
        own = f"discord:{guild.id}/channel/{general.id}"
        agents = [event.scope.agent_id for event in inbox.events]
        assert agents == [f"discord:{guild.id}/workspace", own]


class TestRestart:
    @pytest.mark.behaviour("when.engaged", "discord")
    async def test_a_thread_is_known_again(self, simcord_env, general, ada, me, inbox, kept):
        stored = simcord_env.backend.create_thread(general.id, "tea", ada.id)
        thread = next(one for one in general.threads if one.id == stored.id)
        kept.known.add(f"discord:thread/{thread.id}")
        await ada.send(thread, "still there?")
        assert inbox.texts == ["still there?"]


class TestBots:
    @pytest.mark.parametrize("adapter", [("bots", "mentions")], indirect=True)
    @pytest.mark.behaviour("when.bot-budget", "discord")
    async def test_that_are_let_in_are_heard_up_to_their_budget(
        self, simcord_env, guild, general, me, inbox
    ):
        robot = guild.add_member(simcord_env.create_user("robot", bot=True))
        await robot.send(general, "I talk to nobody")
        for _ in range(25):
            await robot.send(general, f"{me} hello")
        assert len(inbox.events) == 20
