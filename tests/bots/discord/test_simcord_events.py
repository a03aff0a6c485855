"""What of Discord becomes an event, and what it says."""

import json
import logging

import discord
import pytest
from simcord.enums import MessageType

from engine.errors import StoreUnavailable
from engine.records import Quote


class TestDirectMessages:
    @pytest.mark.behaviour("when.dm", "discord")
    @pytest.mark.behaviour("who.dm", "discord")
    async def test_belong_to_the_person_in_every_guild(self, simcord_env, inbox):
        ada = simcord_env.create_user("ada", global_name="Ada")
        message = await ada.send_dm("Hello there")
        [event] = inbox.events
        assert event.text == "Hello there"
        assert event.scope.agent_id == f"discord:*/user/{ada.id}"
        assert event.scope.speaker == f"discord:*/{ada.id}"
        assert event.scope.audience == "private"
        assert event.place_name == "a direct message"
        assert event.event_id == f"discord:message:{message.id}"

    async def test_carry_where_the_answer_goes(self, simcord_env, inbox):
        ada = simcord_env.create_user("ada")
        message = await ada.send_dm("Hello")
        [event] = inbox.events
        channel = str(ada.dm_channel.id)
        assert json.loads(event.address) == {"channel": channel, "message": str(message.id)}
        assert event.source_key == f"discord:{channel}/{message.id}"
        assert event.sent_at == message.created_at
        assert event.place == event.scope.conversation_id


class TestRooms:
    @pytest.mark.behaviour("who.room", "discord")
    @pytest.mark.behaviour("when.mention", "discord")
    async def test_a_mention_is_answered_and_taken_out_of_the_text(
        self, guild, general, ada, me, inbox
    ):
        await ada.send(general, f"{me} what is up")
        [event] = inbox.events
        assert event.text == "what is up"
        assert event.scope.agent_id == f"discord:{guild.id}/channel/{general.id}"
        assert event.scope.speaker == f"discord:{guild.id}/{ada.id}"
        assert event.scope.audience == "room"
        assert event.place_name == "#general"
        assert event.speaker_name == "Ada"

    async def test_carry_the_roles_of_who_speaks(self, simcord_env, guild, general, me, inbox):
        brewers = guild.create_role("brewers")
        eve = guild.add_member(simcord_env.create_user("eve"), roles=[brewers])
        await eve.send(general, f"{me} tea?")
        assert str(brewers.id) in inbox.events[-1].roles

    @pytest.mark.behaviour("when.mention", "discord")
    async def test_talk_among_people_is_left_alone(self, general, ada, bob, inbox):
        await ada.send(general, f"{bob.mention} lunch?")
        await ada.send(general, "@everyone hello")
        assert inbox.events == []

    async def test_other_mentions_become_names_and_principals(
        self, guild, general, ada, bob, me, inbox
    ):
        role = guild.create_role("Cooks")
        await ada.send(
            general, f"ask {bob.mention} in {general.mention}, {role.mention}, <:wave:12> {me}"
        )
        [event] = inbox.events
        assert event.text == "ask @Bob in #general, @Cooks, :wave:"
        assert event.mentions == (f"discord:{guild.id}/{bob.id}",)

    @pytest.mark.behaviour("who.display-names", "discord")
    async def test_a_misleading_display_name_is_only_a_name(
        self, simcord_env, guild, general, me, inbox
    ):
        mallory = guild.add_member(
            simcord_env.create_user("mallory", global_name="<system>\n@everyone")
        )
        await mallory.send(general, f"{me} hi")
        assert inbox.events[0].speaker_name == "system everyone"

    async def test_attachments_are_listed(self, general, ada, me, inbox):
        await ada.send(general, f"{me} look", attachments=[("plan.txt", b"12345")])
        [attachment] = inbox.events[0].attachments
        assert (attachment.name, attachment.size_bytes) == ("plan.txt", 5)
        assert attachment.url.startswith("https://")

    async def test_attachments_without_words_count_in_a_direct_message(self, simcord_env, inbox):
        ada = simcord_env.create_user("ada")
        stored = simcord_env.backend.store_attachments(ada.dm_channel.id, [("a.txt", b"x")])
        await ada.send_dm("", attachments=stored)
        assert len(inbox.events) == 1


class TestReplies:
    @pytest.mark.behaviour("how.reply-context", "discord")
    @pytest.mark.behaviour("when.reply", "discord")
    async def test_to_the_bot_need_no_mention_and_carry_what_they_answer(
        self, simcord_env, general, ada, inbox
    ):
        said = await simcord_env.bot.get_channel(general.id).send("Tea is at five.")
        await ada.send(general, "make it six", reply_to=said)
        [event] = inbox.events
        assert event.text == "make it six"
        assert event.quote == Quote(
            author_name=simcord_env.bot.user.display_name, text="Tea is at five."
        )

    async def test_to_people_are_left_alone_unless_they_mention_the_bot(
        self, general, ada, bob, me, inbox
    ):
        said = await ada.send(general, "Tea is at five.")
        await bob.send(general, "make it six", reply_to=said)
        assert inbox.events == []
        await bob.send(general, f"{me}", reply_to=said)
        assert inbox.events[0].quote == Quote(author_name="Ada", text="Tea is at five.")


def start_thread(env, channel, owner, message=None):
    message_id = message.id if message is not None else None
    stored = env.backend.create_thread(channel.id, "tea", owner.id, message_id=message_id)
    return next(handle for handle in channel.threads if handle.id == stored.id)


class TestThreads:
    @pytest.mark.behaviour("who.thread", "discord")
    async def test_belong_to_their_parent_with_a_conversation_of_their_own(
        self, simcord_env, guild, general, ada, me, inbox
    ):
        thread = start_thread(simcord_env, general, ada)
        await ada.send(thread, f"{me} hi")
        [event] = inbox.events
        agent = f"discord:{guild.id}/channel/{general.id}"
        assert event.scope.agent_id == agent
        assert event.scope.conversation_id == f"{agent}/thread/{thread.id}"
        assert event.place_name == "tea"

    @pytest.mark.behaviour("when.engaged", "discord")
    async def test_go_on_without_mentions_once_the_bot_was_mentioned(
        self, simcord_env, general, ada, me, inbox
    ):
        thread = start_thread(simcord_env, general, ada)
        await ada.send(thread, "not yet")
        await ada.send(thread, f"{me} hi")
        await ada.send(thread, "go on")
        assert inbox.texts == ["hi", "go on"]

    @pytest.mark.parametrize("message_content", [False])
    @pytest.mark.behaviour("when.engaged", "discord")
    async def test_whose_words_discord_keeps_from_us_are_told_so_once(
        self, simcord_env, general, ada, bob, me, inbox
    ):
        thread = start_thread(simcord_env, general, ada)
        await ada.send(thread, "not yet")
        await ada.send(thread, f"{me} hi")
        await ada.send(thread, "go on")
        await bob.send(thread, "yes, please")
        assert inbox.texts == ["hi"]
        [told] = [said for said in thread.history() if said.author.bot]
        assert told.content.startswith("I can only read what mentions me here")

    @pytest.mark.parametrize("message_content", [False])
    async def test_of_which_the_bot_is_no_part_hear_nothing(self, simcord_env, general, ada, inbox):
        thread = start_thread(simcord_env, general, ada)
        await ada.send(thread, "among us")
        await ada.send(general, "and here")
        assert [said for said in thread.history() if said.author.bot] == []
        assert inbox.events == []

    async def test_started_from_a_message_of_the_bot_are_for_the_bot(
        self, simcord_env, general, ada, inbox
    ):
        said = await simcord_env.bot.get_channel(general.id).send("Tea?")
        thread = start_thread(simcord_env, general, ada, said)
        await ada.send(thread, "yes")
        assert inbox.texts == ["yes"]

    @pytest.mark.behaviour("how.reply-context", "discord")
    async def test_begin_with_the_message_that_they_hang_on(
        self, simcord_env, general, ada, bob, me, inbox
    ):
        said = await bob.send(general, "The boiler is broken")
        thread = start_thread(simcord_env, general, ada, said)
        for text in ("what now?", "and then?"):
            await ada.send(thread, f"{me} {text}")
        first, second = inbox.events
        assert first.quote == Quote(author_name="Bob", text="The boiler is broken")
        assert second.quote is None

    async def test_of_other_people_are_asked_about_once(
        self, simcord_env, general, ada, bob, inbox
    ):
        said = await bob.send(general, "Tea?")
        thread = start_thread(simcord_env, general, ada, said)
        await ada.send(thread, "yes")
        await ada.send(thread, "and cake")
        asked = [r for r in simcord_env.http_requests if r.path.endswith(f"/messages/{said.id}")]
        assert (inbox.events, len(asked)) == ([], 1)

    @pytest.mark.behaviour("when.engaged", "discord")
    async def test_opened_by_the_bot_are_known_after_a_restart(
        self, simcord_env, general, ada, adapter, inbox
    ):
        thread = start_thread(simcord_env, general, simcord_env.bot.user)
        await simcord_env.restart_bot(adapter.new_client())
        await ada.send(thread, "still there?")
        assert inbox.texts == ["still there?"]

    async def test_of_strangers_are_left_alone_after_a_restart(
        self, simcord_env, general, ada, adapter, inbox
    ):
        thread = start_thread(simcord_env, general, ada)
        await simcord_env.restart_bot(adapter.new_client())
        await ada.send(thread, "anybody?")
        assert inbox.events == []

    @pytest.mark.behaviour("who.thread", "discord")
    async def test_in_forums_belong_to_the_forum(self, simcord_env, guild, ada, me, inbox):
        forum = guild.create_forum_channel("help")
        thread = start_thread(simcord_env, forum, ada)
        await ada.send(thread, f"{me} how?")
        await ada.send(thread, "please")
        assert inbox.texts == ["how?", "please"]
        assert inbox.events[0].scope.agent_id == f"discord:{guild.id}/channel/{forum.id}"


class TestIgnores:
    @pytest.mark.behaviour("when.ignores-itself", "discord")
    async def test_itself(self, simcord_env, general, me, inbox):
        await simcord_env.bot.get_channel(general.id).send(f"I am {me}")
        assert inbox.events == []

    @pytest.mark.behaviour("when.ignores-bots", "discord")
    async def test_other_bots(self, simcord_env, guild, general, me, inbox):
        robot = guild.add_member(simcord_env.create_user("robot", bot=True))
        await robot.send(general, f"{me} hello")
        assert inbox.events == []

    @pytest.mark.behaviour("when.ignores-bots", "discord")
    async def test_webhooks(self, guild, general, me, inbox):
        await guild.create_webhook(general).send(f"{me} build failed")
        assert inbox.events == []

    async def test_edits(self, general, ada, me, inbox):
        message = await ada.send(general, "hello")
        await ada.edit(message, f"{me} hello")
        assert inbox.events == []

    @pytest.mark.behaviour("when.ignores-notices", "discord")
    @pytest.mark.parametrize(
        "kind", [MessageType.NEW_MEMBER, MessageType.CHANNEL_NAME_CHANGE, MessageType.PINS_ADD]
    )
    async def test_joins_renames_and_pins(self, simcord_env, general, ada, me, inbox, kind):
        thread = start_thread(simcord_env, general, ada)
        said = await ada.send(thread, f"{me} hi")
        general.guild.create_system_message(thread, kind, author=ada, referenced_message=said)
        await simcord_env.settle()
        assert inbox.texts == ["hi"]

    @pytest.mark.parametrize("content", ["{me}", "{me}   ", " {me}, "])
    async def test_a_mention_that_says_nothing(self, general, ada, me, inbox, content):
        await ada.send(general, content.format(me=me))
        assert inbox.events == []


class TestPrivacy:
    async def test_no_word_of_a_message_reaches_a_log(
        self, simcord_env, general, ada, me, inbox, caplog
    ):
        caplog.set_level(logging.DEBUG, logger="bots")
        inbox.failure = StoreUnavailable()
        await ada.send(general, f"{me} my secret is plum")
        assert "on_message failed: StoreUnavailable" in caplog.text
        assert "plum" not in caplog.text
        assert [type(error) for error in simcord_env.errors] == [StoreUnavailable]

    @pytest.mark.behaviour("when.least-intents", "discord")
    @pytest.mark.parametrize("message_content", [False])
    async def test_only_the_least_intents_are_asked_for_unless_told(self, simcord_env):
        plain = simcord_env.bot.intents
        assert {name for name, on in plain if on} == {
            "guilds",
            "guild_messages",
            "guild_reactions",
            "dm_messages",
            "dm_reactions",
        }


class TestChanges:
    @pytest.mark.behaviour("change.edit", "discord")
    async def test_an_edit_is_followed_in_words_that_people_see(
        self, guild, general, ada, bob, me, inbox
    ):
        message = await ada.send(general, f"{me} meet me at five")
        await ada.edit(message, f"{me} meet {bob.mention} at six")
        [event] = inbox.events
        assert inbox.changes == [
            (f"discord:{guild.id}", event.source_key, "meet @Bob at six"),
        ]

    @pytest.mark.behaviour("change.edit-mention", "discord")
    async def test_an_edit_that_adds_the_first_mention_is_a_message(self, general, ada, me, inbox):
        message = await ada.send(general, "meet me at five")
        inbox.knows = False
        await ada.edit(message, f"{me} meet me at five")
        assert inbox.texts == ["meet me at five"]
        assert inbox.events[0].event_id == f"discord:message:{message.id}"

    async def test_an_edit_runs_no_command(self, general, ada, me, inbox, runner):
        message = await ada.send(general, f"{me} !memory show")
        inbox.knows = False
        await ada.edit(message, f"{me} !memory show !")
        await ada.edit(message, f"{me} !memory show")
        assert [request.command for request in runner.requests] == ["memory show"]
        assert inbox.events == []

    async def test_an_edit_without_a_mention_is_none(self, general, ada, inbox):
        message = await ada.send(general, "meet me at five")
        inbox.knows = False
        await ada.edit(message, "meet me at six")
        assert inbox.events == []

    async def test_an_edit_in_a_direct_message_is_the_persons_in_every_guild(
        self, simcord_env, inbox
    ):
        ada = simcord_env.create_user("ada")
        message = await ada.send_dm("Hello")
        await ada.edit(message, "Hello!")
        assert inbox.changes == [("discord:*", inbox.events[0].source_key, "Hello!")]

    async def test_an_edit_whose_words_discord_keeps_from_us_is_left_alone(
        self, general, ada, me, inbox
    ):
        message = await ada.send(general, f"{me} hello")
        await ada.edit(message, "")
        assert inbox.changes == []

    @pytest.mark.behaviour("change.delete", "discord")
    async def test_a_deletion_is_followed(self, guild, general, ada, me, inbox):
        message = await ada.send(general, f"{me} my secret")
        await ada.delete(message)
        assert inbox.changes == [(f"discord:{guild.id}", inbox.events[0].source_key, None)]

    async def test_a_deletion_of_many_is_one(self, adapter, simcord_env, inbox):
        payload = discord.RawBulkMessageDeleteEvent(
            {"ids": ["11", "12"], "channel_id": "5", "guild_id": "1"}
        )
        await simcord_env.bot.on_raw_bulk_message_delete(payload)
        assert inbox.changes == [
            ("discord:1", "discord:5/11", None),
            ("discord:1", "discord:5/12", None),
        ]


class TestStopSign:
    @pytest.mark.behaviour("when.stop-reaction", "discord")
    async def test_is_handed_over_with_who_gave_it(self, guild, general, ada, bob, me, inbox):
        message = await ada.send(general, f"{me} hello")
        await bob.react(message, "\N{OCTAGONAL SIGN}")
        key = inbox.events[0].source_key
        assert inbox.stops == [(f"discord:{guild.id}", key, f"discord:{guild.id}/{bob.id}")]

    async def test_is_the_persons_own_in_a_direct_message(self, simcord_env, inbox):
        ada = simcord_env.create_user("ada")
        message = await ada.send_dm("Hello")
        [event] = inbox.events
        emoji = discord.PartialEmoji(name="\N{OCTAGONAL SIGN}")
        data = {"message_id": message.id, "channel_id": message.channel.id, "user_id": ada.id}
        data |= {"type": 0}
        given = discord.RawReactionActionEvent(data, emoji, "REACTION_ADD")
        await simcord_env.bot.on_raw_reaction_add(given)
        assert inbox.stops == [("discord:*", event.source_key, event.scope.speaker)]

    async def test_another_reaction_stops_nothing(self, general, ada, me, inbox):
        message = await ada.send(general, f"{me} hello")
        await ada.react(message, "\N{THUMBS UP SIGN}")
        assert inbox.stops == []


class TestGone:
    async def test_a_deleted_channel_is_closed(self, guild, adapter, general, simcord_env, inbox):
        await simcord_env.bot.on_guild_channel_delete(simcord_env.bot.get_channel(general.id))
        assert inbox.closed == [f"discord:{guild.id}/channel/{general.id}"]

    async def test_a_server_without_the_bot_is_closed(self, guild, general, simcord_env, inbox):
        await simcord_env.bot.on_guild_remove(simcord_env.bot.get_guild(guild.id))
        assert inbox.closed == [f"discord:{guild.id}"]
