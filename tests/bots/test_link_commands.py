"""One memory for two identities of a person: how it begins, what it reaches, how it ends."""

import re
from datetime import timedelta

import pytest

from engine.links import Link
from tests.bots.memory_rig import open_memory
from tests.bots.place_rig import PlaceDesk, discord, slack

HERE, THERE = slack(), discord()


class Linked:
    def __init__(self, memory):
        self.memory = memory
        self.desk = PlaceDesk(memory.store, memory.clock)

    async def say(self, origin, words):
        return await self.memory.reply(self.desk.places.scope_of(origin), "Hi.", said=words)

    async def code(self, origin=THERE):
        answer = await self.desk.run("memory link", origin)
        return re.search(r"\*\*(\w+)\*\*", answer.text)[1]

    async def link(self, keep="there"):
        return await self.desk.run("memory link", HERE, code=await self.code(), keep=keep)

    async def unlink(self, start, origin=HERE):
        return await self.desk.run("memory unlink", origin, start=start)

    def agent(self, origin):
        return self.desk.places.scope_of(origin).agent_id

    async def said(self, origin):
        page = await self.desk.run("memory search", origin, query="tea")
        return page.text


@pytest.fixture
async def linked(tmp_path):
    async with open_memory(tmp_path) as memory:
        rig = Linked(memory)
        await rig.say(HERE, "I like green tea")
        await rig.say(THERE, "I like black tea")
        yield rig


class TestLinking:
    async def test_the_asker_is_shown_whose_code_it_is_and_chooses_a_memory(self, linked):
        asked = await linked.desk.run("memory link", HERE, code=await linked.code())
        assert "discord:*/7" in asked.text
        assert [choice.arguments["keep"] for choice in asked.choices] == ["here", "there"]
        assert linked.agent(HERE) != linked.agent(THERE)

    @pytest.mark.behaviour("who.link", "discord", "slack")
    @pytest.mark.parametrize(("keep", "kept"), [("here", HERE), ("there", THERE)])
    async def test_one_memory_is_kept_and_the_other_stays_under_its_key(self, linked, keep, kept):
        agents = {linked.agent(HERE), linked.agent(THERE)}
        expected = linked.agent(kept)
        await linked.link(keep)
        assert linked.agent(HERE) == linked.agent(THERE) == expected
        assert {one.agent_id for one in await linked.memory.store.agents()} == agents
        words = ("green", "black") if kept == HERE else ("black", "green")
        found = await linked.said(HERE)
        assert words[0] in found
        assert words[1] not in found

    async def test_conversations_stay_apart_and_answers_go_where_they_were_asked(self, linked):
        await linked.link()
        here, there = (linked.desk.places.scope_of(one) for one in (HERE, THERE))
        assert here.conversation_id != there.conversation_id
        await linked.say(HERE, "tea again")
        due = await linked.memory.due("slack")
        assert [item.scope.speaker for item in due][-1] == "slack:T1/U2"

    async def test_edits_and_deletions_still_find_a_linked_persons_words(self, linked):
        await linked.link()
        turn = await linked.say(HERE, "I like white tea")
        found = await linked.memory.store.find_message("slack:T1", turn.source_key)
        assert found.text == "I like white tea"
        assert found.scope.agent_id == "discord:*/user/7"
        assert await linked.memory.store.find_message("slack:T2", turn.source_key) is None

    async def test_a_command_finds_them_too(self, linked):
        await linked.link()
        turn = await linked.say(HERE, "I like white tea")
        tenant = linked.desk.places.scope_of(HERE).tenant
        found = await linked.memory.store.find_message(tenant, turn.source_key)
        assert (found.text, found.author) == ("I like white tea", "slack:T1/U2")

    @pytest.mark.behaviour("when.stop-reaction", "discord", "slack")
    async def test_a_stop_sign_finds_the_turn_in_the_shared_memory(self, linked):
        await linked.link()
        store, now = linked.memory.store, linked.memory.clock()
        turn = await linked.memory.accept(linked.desk.places.scope_of(HERE), "long work")
        for tenant, actor in (("slack:T1", "slack:T1/U3"), ("slack:T2", HERE.principal)):
            assert await store.cancel_asked(tenant, turn.source_key, actor, "", now) is None
        stopped = await store.cancel_asked("slack:T1", turn.source_key, HERE.principal, "", now)
        assert stopped.id == turn.id

    async def test_it_outlives_the_process(self, linked):
        await linked.link()
        again = PlaceDesk(linked.memory.store, linked.memory.clock)
        await again.places.load(linked.memory.store)
        assert again.places.scope_of(HERE).agent_id == "discord:*/user/7"

    async def test_rooms_are_left_as_they_were(self, linked):
        await linked.link()
        assert linked.agent(slack(room="C1")) == "slack:T1/channel/C1"


class TestCodes:
    @pytest.mark.behaviour("who.link", "discord", "slack")
    async def test_is_good_once(self, linked):
        code = await linked.code()
        await linked.desk.run("memory link", HERE, code=code, keep="there")
        again = await linked.desk.run("memory link", slack("U3"), code=code, keep="there")
        assert "no such code" in again.text
        assert linked.agent(slack("U3")) == "slack:T1/user/U3"

    @pytest.mark.behaviour("who.link", "discord", "slack")
    async def test_is_good_for_ten_minutes(self, linked):
        code = await linked.code()
        linked.memory.clock.advance(timedelta(minutes=10))
        answer = await linked.desk.run("memory link", HERE, code=code, keep="there")
        assert "no such code" in answer.text

    async def test_of_two_who_give_it_at_once_one_is_linked(self, linked):
        store, now = linked.memory.store, linked.memory.clock()
        await store.keep_link_code("hash", "discord:*/7", now + timedelta(minutes=10))
        stranger = Link(principal="slack:T1/U3", agent_id="a", linked="slack:T1/U4")
        wanted = [
            Link(principal=f"slack:T1/U{n}", agent_id="a", linked="discord:*/7") for n in "56"
        ]
        done = [await store.use_link_code("hash", one, now) for one in (stranger, *wanted)]
        assert done == [False, True, False]
        assert [link.principal for link in await store.links()] == ["slack:T1/U5"]

    async def test_a_new_one_ends_the_one_before(self, linked):
        first, second = await linked.code(), await linked.code()
        assert "no such" in (await linked.desk.run("memory link", HERE, code=first)).text
        assert (await linked.desk.run("memory link", HERE, code=second)).choices

    async def test_after_five_wrong_ones_the_right_one_is_not_taken_either(self, linked):
        code = await linked.code()
        for _ in range(5):
            await linked.desk.run("memory link", HERE, code="AAAAAAAA")
        refused = await linked.desk.run("memory link", HERE, code=code, keep="there")
        assert "too many" in refused.text
        assert linked.agent(HERE) == "slack:T1/user/U2"
        linked.memory.clock.advance(timedelta(minutes=10))
        assert (await linked.desk.run("memory link", HERE, code=await linked.code())).choices

    async def test_is_kept_as_a_hash_alone(self, linked, tmp_path):
        code = await linked.code()
        files = [file.read_bytes() for file in tmp_path.glob("membot.db*")]
        assert not any(code.encode() in data for data in files)

    async def test_ones_own_is_refused(self, linked):
        answer = await linked.desk.run("memory link", THERE, code=await linked.code())
        assert "your own code" in answer.text

    async def test_is_not_given_in_a_room(self, linked):
        answer = await linked.desk.run("memory link", slack(room="C1"))
        assert "direct messages" in answer.text


class TestUnlinking:
    @pytest.mark.behaviour("who.unlink", "discord", "slack")
    async def test_offers_what_to_go_on_with(self, linked):
        await linked.link()
        asked = await linked.desk.run("memory unlink", HERE)
        assert [one.arguments["start"] for one in asked.choices] == ["copy", "empty", "before"]

    @pytest.mark.behaviour("who.unlink", "discord", "slack")
    async def test_a_copy_has_what_was_shared_and_goes_its_own_way(self, linked):
        await linked.link()
        await linked.unlink("copy")
        await linked.say(HERE, "I like red tea")
        assert linked.agent(HERE) == "slack:T1/2/user/U2"
        mine, theirs = await linked.said(HERE), await linked.said(THERE)
        assert "black" in mine
        assert "red" in mine
        assert "green" not in mine
        assert "red" not in theirs

    async def test_empty_is_empty(self, linked):
        await linked.link()
        await linked.unlink("empty")
        assert "nothing found" in await linked.said(HERE)
        assert "black" in await linked.said(THERE)

    async def test_before_is_what_was_there(self, linked):
        await linked.link()
        await linked.unlink("before")
        assert "green" in await linked.said(HERE)

    async def test_the_other_may_end_it_too(self, linked):
        await linked.link()
        await linked.unlink("empty", THERE)
        assert linked.agent(HERE) != linked.agent(THERE) == "discord:*/user/7"

    async def test_without_a_link_there_is_nothing_to_end(self, linked):
        assert "no other identity" in (await linked.unlink("copy")).text


class TestForgetting:
    @pytest.mark.parametrize("who", ["slack:T1/U2", "discord:*/7"])
    async def test_it_ends_the_link_and_leaves_no_trace_of_it(self, linked, tmp_path, who):
        await linked.link()
        await linked.code()
        await linked.memory.store.forget(who, actor="operator", at=linked.memory.clock())
        await linked.desk.places.load(linked.memory.store)
        assert linked.agent(HERE) == "slack:T1/user/U2"
        assert await linked.memory.store.links() == []

    async def test_it_unlearns_what_the_identity_said_to_the_shared_memory(self, linked):
        await linked.link()
        await linked.say(HERE, "I like white tea")
        await linked.memory.store.forget("slack:T1/U2", actor="operator", at=linked.memory.clock())
        found = await linked.said(THERE)
        assert "black" in found
        assert "white" not in found
