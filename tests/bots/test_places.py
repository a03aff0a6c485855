"""Who remembers what, by preset and place."""

from dataclasses import replace

import pytest

from bots.allowances import Allowances, Configured
from bots.places import Places
from bots.routing import Origin, Rules
from engine.place_settings import PlaceSetting
from engine.places import agent_scope, matches
from engine.testing import FixedClock
from tests.bots.memory_rig import open_memory
from tests.engine.builders import event

PRESETS = ("team", "personal", "per-user-in-channel", "single")
OWNER = ("discord:111/7", "slack:T1/U2")
NOW = FixedClock()()


def channel(room="C1", user="U2", **more):
    return Origin(platform="slack", team="T1", user=user, room=room, **more)


def direct(user="U2"):
    return Origin(platform="slack", team="T1", user=user)


def places(preset="team", *configured):
    return Places(Rules(mapping=preset), configured, OWNER)


def setting(value, place="slack:T1/channel/C1", name="mapping"):
    return PlaceSetting(place=place, name=name, value=value, actor="slack:T1/U9", at=NOW)


class Kept:
    """What was set and linked."""

    def __init__(self, settings=(), links=()):
        self._settings, self._links = settings, links

    async def place_settings(self, tenant=None):
        return list(self._settings)

    async def links(self):
        return list(self._links)


class TestPresets:
    @pytest.mark.parametrize("preset", PRESETS)
    @pytest.mark.behaviour("who.no-leak", "slack", "discord", "terminal")
    def test_no_room_ever_has_the_agent_of_a_direct_message(self, preset):
        where = places(preset)
        private = {where.scope_of(direct(user)).agent_id for user in ("U2", "U3")}
        rooms = {
            where.scope_of(channel(room, user, thread=thread, confined=confined)).agent_id
            for room in ("C1", "U2", "D2")
            for user in ("U2", "U3")
            for thread in (None, "1.5")
            for confined in (True, False)
        }
        assert not private & rooms

    @pytest.mark.parametrize("preset", PRESETS)
    def test_two_people_never_share_direct_messages(self, preset):
        where = places(preset)
        assert where.scope_of(direct("U2")).agent_id != where.scope_of(direct("U3")).agent_id

    @pytest.mark.parametrize("preset", PRESETS)
    def test_a_thread_has_its_parents_agent_and_its_own_conversation(self, preset):
        parent, thread = (places(preset).scope_of(channel(thread=one)) for one in (None, "1.5"))
        assert thread.agent_id == parent.agent_id
        assert thread.conversation_id != parent.conversation_id
        assert thread.audience == "room"

    def test_presets_share_no_key_of_a_room(self):
        keys = {places(one).scope_of(channel()).agent_id for one in PRESETS if one != "personal"}
        assert len(keys) == 3

    @pytest.mark.behaviour("who.preset-per-user-in-channel", "discord", "slack")
    def test_per_user_remembers_each_person_of_each_channel_apart(self):
        where = places("per-user-in-channel")
        keys = {
            where.scope_of(channel(room, user)).agent_id
            for room in ("C1", "C2")
            for user in ("U2", "U3")
        }
        assert len(keys) == 4

    @pytest.mark.behaviour("who.preset-single", "slack", "discord")
    @pytest.mark.behaviour("who.preset-single", "discord", "slack")
    def test_single_is_one_memory_for_the_channels_of_a_workspace(self):
        where = places("single")
        here, there = (where.scope_of(channel(room)) for room in ("C1", "C2"))
        assert here.agent_id == there.agent_id == "slack:T1/workspace"
        assert here.conversation_id != there.conversation_id
        elsewhere = Origin(platform="slack", team="T2", user="U2", room="C1")
        assert where.scope_of(elsewhere).agent_id == "slack:T2/workspace"

    def test_single_leaves_what_not_everybody_reads_its_own_memory(self):
        scope = places("single").scope_of(channel(confined=True))
        assert scope.agent_id == "slack:T1/channel/C1"

    @pytest.mark.behaviour("who.preset-personal", "slack", "discord")
    @pytest.mark.behaviour("who.preset-personal", "discord", "slack")
    def test_personal_is_one_brain_in_the_owners_direct_messages(self):
        where = places("personal")
        slack = where.scope_of(direct("U2"))
        discord = where.scope_of(Origin(platform="discord", team="*", user="7"))
        assert slack.agent_id == discord.agent_id == "discord:*/personal/user/7"
        assert (slack.tenant, slack.platform) == ("discord:*", "slack")
        assert slack.conversation_id != discord.conversation_id

    def test_personal_has_another_key_than_team(self):
        keys = {places(one).scope_of(direct()).agent_id for one in ("team", "personal")}
        assert len(keys) == 2

    def test_personal_gives_others_their_own_memory(self):
        assert places("personal").scope_of(direct("U3")).agent_id == "slack:T1/user/U3"


class TestAgentsOfPlaces:
    @pytest.mark.parametrize("preset", PRESETS)
    def test_what_is_set_for_a_channel_holds_for_its_agent(self, preset):
        agent_id = places(preset).scope_of(channel()).agent_id
        assert matches(agent_id, ["slack:T1/*"])
        if preset != "single":
            assert matches(agent_id, ["slack:T1/channel/C1"])
            assert not matches(agent_id, ["slack:T1/channel/C2"])

    @pytest.mark.parametrize("preset", PRESETS)
    @pytest.mark.parametrize("origin", [channel(), direct()])
    def test_the_audience_can_be_told_from_the_key(self, preset, origin):
        scope = places(preset).scope_of(origin)
        assert agent_scope(scope.agent_id).audience == scope.audience


class TestSettings:
    async def set(self, where, *settings):
        await where.load(Kept(settings))

    async def test_what_is_set_in_chat_goes_over_the_file_and_the_file_over_the_default(self):
        where = places("team", ("slack:T1/*", "mapping", "single"))
        assert where.rules_for(channel()).mapping == "single"
        await self.set(where, setting("per-user-in-channel"))
        assert where.rules_for(channel()).mapping == "per-user-in-channel"
        assert where.rules_for(channel("C2")).mapping == "single"
        await self.set(where)
        assert where.rules_for(channel()).mapping == "single"

    def test_the_pattern_that_says_most_wins(self):
        where = places(
            "team", ("slack:T1/*", "mode", "off"), ("slack:T1/channel/C1", "mode", "mention")
        )
        assert where.rules_for(channel()).mode == "mention"
        assert where.rules_for(channel("C2")).mode == "off"

    async def test_outlive_the_process_and_are_noted_for_the_audit(self, tmp_path):
        async with open_memory(tmp_path) as memory:
            await memory.store.set_place_setting(setting("off", name="mode"))
            await memory.store.set_place_setting(setting("single"))
            await memory.store.set_place_setting(setting(None))
        async with open_memory(tmp_path) as memory:
            where = Places()
            await where.load(memory.store)
            acts = [(row.action, row.subject) for row in await memory.store.audit(9)]
            kept = await memory.store.place_settings("slack:T1")
            assert await memory.store.place_settings("slack:T2") == []
        assert where.rules_for(channel()) == Rules(mode="off")
        assert [one.name for one in kept] == ["mode"]
        assert acts.count(("place.mapping", "slack:T1/channel/C1")) == 2

    async def test_stay_when_who_set_them_is_forgotten(self, tmp_path):
        async with open_memory(tmp_path) as memory:
            await memory.store.set_place_setting(setting("off", name="mode"))
            await memory.store.forget("slack:T1/U9", actor="operator", at=NOW)
            (kept,) = await memory.store.place_settings()
        assert (kept.value, kept.actor) == ("off", None)

    @pytest.mark.behaviour("who.preset-single", "slack", "discord")
    async def test_a_confined_place_shares_its_memory_only_when_it_is_mapped_by_name(self):
        private = channel(confined=True)
        where = places("single", ("slack:T1/*", "mapping", "single"))
        assert where.scope_of(private).agent_id == private.place
        assert where.scope_of(channel("C2")).agent_id == "slack:T1/workspace"
        where.follow(setting("single"))
        assert where.scope_of(private).agent_id == "slack:T1/workspace"
        assert where.scope_of(channel("C2", confined=True)).agent_id == "slack:T1/channel/C2"
        by_name = places("team", ("slack:T1/channel/C1", "mapping", "single"))
        assert by_name.scope_of(private).agent_id == "slack:T1/workspace"


class TestLearning:
    def test_is_not_from_outsiders_nor_where_the_bot_is_silent(self):
        where = places("team", ("slack:T1/channel/C2", "outsiders", "learn"))
        where.follow(setting("off", "slack:T1/*", "mode"))
        where.follow(setting("mention", "slack:T1/channel/C2", "mode"))
        where.follow(setting("mention", "slack:T1/channel/C3", "mode"))
        assert where.learns(channel("C3"), outsider=False)
        assert not where.learns(channel("C3"), outsider=True)
        assert where.learns(channel("C2"), outsider=True)
        assert not where.learns(channel("C4"), outsider=False)
        assert where.learns(direct(), outsider=True)

    async def test_is_off_where_an_admin_chose_answers_only(self):
        where = places()
        await where.load(Kept([setting("off", name="learning")]))
        said = event()
        assert not where.arrived(said, channel("C1")).learns
        assert where.arrived(said, channel("C2")).learns
        assert where.arrived(said, channel("C1", thread="1.5")).meets == "slack:T1/channel/C1"


class TestHeartbeats:
    @pytest.mark.parametrize(
        ("where", "comes"), [(channel(), False), (channel("C2"), True), (direct(), True)]
    )
    async def test_stay_away_from_rooms_in_which_it_is_off(self, where, comes):
        configured = (("slack:T1/channel/C1", "mode", "off"), ("slack:T1/user/*", "mode", "off"))
        allowances = Allowances(places("team", *configured), Configured())
        beat = replace(event("", scope=allowances.places.scope_of(where)), kind="heartbeat")
        assert allowances.admits(beat) is comes
