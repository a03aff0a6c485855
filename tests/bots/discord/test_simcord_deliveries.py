"""What leaves for Discord, and what becomes of its refusals."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.answer_files import AnswerFile
from engine.choices import Choice
from engine.errors import DeliveryDelayed, DeliveryRefused
from engine.progress import Work
from tests.bots.discord.doubles import item_for, make_adapter, make_item, make_turn, scope_for


def posted(env):
    return [
        entry.json
        for entry in env.http_requests
        if entry.method == "POST" and entry.path.endswith("/messages")
    ]


class TestReplies:
    async def test_answer_the_message_they_are_for(self, general, ada, me, inbox, adapter):
        asked = await ada.send(general, f"{me} hi")
        reference = await adapter.send(item_for(inbox.events[0]), "Hello Ada", 0)
        answer = general.last_message
        assert (answer.content, str(answer.id)) == ("Hello Ada", reference)
        assert answer.reference.message_id == asked.id

    async def test_go_out_even_when_that_message_is_gone(
        self, simcord_env, general, ada, me, inbox, adapter
    ):
        asked = await ada.send(general, f"{me} hi")
        await ada.delete(asked)
        await adapter.send(item_for(inbox.events[0]), "Hello Ada", 0)
        assert general.last_message.content == "Hello Ada"
        assert posted(simcord_env)[-1]["message_reference"]["fail_if_not_exists"] is False

    async def test_refer_to_it_once(self, simcord_env, general, ada, me, inbox, adapter):
        await ada.send(general, f"{me} hi")
        item = item_for(inbox.events[0])
        for number in range(2):
            await adapter.send(item, f"part {number}", number)
        assert [("message_reference" in body) for body in posted(simcord_env)] == [True, False]

    async def test_go_to_a_direct_message(self, simcord_env, inbox, adapter):
        ada = simcord_env.create_user("ada")
        await ada.send_dm("hi")
        await adapter.send(item_for(inbox.events[0]), "Hello", 0)
        assert ada.dm_channel.last_message.content == "Hello"

    async def test_go_to_the_thread_and_make_the_bot_take_part(
        self, simcord_env, general, ada, adapter, inbox
    ):
        stored = simcord_env.backend.create_thread(general.id, "tea", ada.id)
        [thread] = general.threads
        await adapter.send(make_item(stored.id), "May I?", 0)
        await ada.send(thread, "please do")
        assert inbox.texts == ["please do"]

    async def test_without_a_message_to_answer_are_plain_messages(
        self, simcord_env, general, adapter
    ):
        await adapter.send(make_item(general.id), "Good morning", 0)
        assert general.last_message.reference is None

    @pytest.mark.behaviour("how.no-previews", "discord")
    async def test_show_no_link_preview(self, general, adapter):
        await adapter.send(make_item(general.id), "https://example.org", 0)
        assert general.last_message.flags.suppress_embeds


class TestChoices:
    """Buttons under a reply give a command for whoever presses them; rights are checked there."""

    @pytest.fixture
    async def asked(self, general, ada, me, inbox, adapter):
        await ada.send(general, f"{me} burn it")
        allow = Choice(label="Allow", command="approve", arguments={"id": "3fa9c1d2"})
        refuse = Choice(label="Refuse", command="deny", arguments={"id": "3fa9c1d2"}, danger=True)
        item = replace(item_for(inbox.events[0]), choices=(allow, refuse))
        await adapter.send(item, "May I?", 0)
        return general.last_message

    async def test_are_pressed_by_anyone_there_who_alone_sees_the_answer(
        self, guild, general, bob, asked, runner
    ):
        pressed = await bob.click(asked, label="Refuse")
        [request] = runner.requests
        assert (request.command, request.arguments) == ("deny", {"id": "3fa9c1d2"})
        assert request.actor == f"discord:{guild.id}/{bob.id}"
        assert request.scope.agent_id == f"discord:{guild.id}/channel/{general.id}"
        assert not request.confirmed
        assert pressed.response.ephemeral

    async def test_survive_a_restart(self, simcord_env, ada, asked, adapter, runner):
        await simcord_env.restart_bot(adapter.new_client())
        await ada.click(asked, label="Allow")
        assert runner.requests[0].command == "approve"

    async def test_that_do_not_fit_are_left_out(self, general, adapter):
        choice = Choice(label="Long", command="approve", arguments={"id": "x" * 100})
        await adapter.send(replace(make_item(general.id), choices=(choice,)), "May I?", 0)
        assert general.last_message.components == []


class TestPings:
    @pytest.mark.behaviour("how.no-pings", "discord")
    async def test_nobody_but_the_person_answered(  # noqa: PLR0917 - fixtures
        self, simcord_env, guild, general, ada, bob, me, inbox, adapter
    ):
        role = guild.create_role("Cooks", mentionable=True)
        await ada.send(general, f"{me} hi")
        text = f"@everyone @here {role.mention} {bob.mention} {ada.mention}"
        await adapter.send(item_for(inbox.events[0]), text, 0)
        allowed = posted(simcord_env)[-1]["allowed_mentions"]
        assert allowed == {"parse": [], "users": [ada.id], "replied_user": True}
        assert not general.last_message.mention_everyone

    async def test_nobody_when_nobody_is_answered(self, simcord_env, general, adapter):
        item = make_item(general.id, scope=scope_for(user=""))
        await adapter.send(item, "@everyone", 0)
        assert posted(simcord_env)[-1]["allowed_mentions"]["parse"] == []
        assert "users" not in posted(simcord_env)[-1]["allowed_mentions"]

    async def test_a_split_reply_does_not_even_spell_a_mass_ping(self, adapter):
        assert "@everyone" not in "".join(adapter.split("Hi @everyone, <@&12>!"))


class TestALineAboutLongWork:
    def work(self, event):
        return Work(id="w", scope=event.scope, address=event.address)

    @pytest.mark.behaviour("how.progress", "discord")
    async def test_is_one_quiet_message_that_changes_and_goes(
        self, simcord_env, general, ada, me, inbox, adapter
    ):
        asked = await ada.send(general, f"{me} read this")
        work = self.work(inbox.events[0])
        shown_in = await adapter.show_line(work, "reading my_book_.pdf @everyone", None)
        line = general.last_message
        assert (line.content, f"{general.id}/{line.id}") == (
            "-# \u23f3 reading my\\_book\\_.pdf @everyone",
            shown_in,
        )
        assert line.reference.message_id == asked.id
        assert posted(simcord_env)[-1]["allowed_mentions"] == {"parse": []}
        assert line.flags.silent
        assert await adapter.show_line(work, "page 2", shown_in) == shown_in
        assert general.last_message.content == "-# \u23f3 page 2"
        await adapter.take_line(shown_in)
        assert general.last_message.id == asked.id
        await adapter.take_line(shown_in)

    async def test_waits_for_a_connection(self, adapter):
        adapter._client = None
        with pytest.raises(DeliveryDelayed):
            await adapter.take_line("1/5")


class TestNonces:
    @pytest.mark.parametrize("nonce", ["n", "01J0ABCDEFGHJKMNPQRSTVWXYZ"[:25]])
    async def test_are_the_same_for_a_repeat_and_differ_by_part(
        self, simcord_env, general, adapter, nonce
    ):
        item = make_item(general.id, nonce=nonce)
        for number in (0, 1, 1, 2):
            await adapter.send(item, "text", number)
        first, second, again, third = (body["nonce"] for body in posted(simcord_env))
        assert second == again
        assert len({first, second, third}) == 3
        assert all(len(one) <= 25 for one in (first, second, third))
        assert all(body["enforce_nonce"] for body in posted(simcord_env))


class TestParts:
    def test_have_at_most_two_thousand_characters(self, adapter):
        parts = adapter.split("A sentence of words. " * 400)
        assert len(parts) == 5
        assert all(len(part) <= 2000 for part in parts)

    @pytest.mark.behaviour("how.parts", "discord")
    async def test_reach_the_channel_in_order(self, general, adapter):
        item = make_item(general.id)
        parts = adapter.split("A sentence of words. " * 200)
        for number, part in enumerate(parts):
            await adapter.send(item, part, number)
        assert [message.content for message in general.history()] == parts


class TestVeryLongReplies:
    TEXT = "A sentence of words. " * 600

    @pytest.mark.behaviour("how.long-file", "discord")
    async def test_are_a_first_part_and_a_file(self, general, adapter):
        [part] = adapter.split(self.TEXT)
        assert len(part) <= 2000
        assert part.endswith("*The whole answer is in answer.md.*")
        await adapter.send(make_item(general.id, text=self.TEXT), part, 0)
        [file] = general.last_message.attachments
        assert file.filename == "answer.md"
        assert file.size == len(self.TEXT)

    async def test_take_the_place_of_their_preview(self, general, ada, me, inbox, adapter):
        await ada.send(general, f"{me} hi")
        item = item_for(inbox.events[0], self.TEXT)
        shown = await adapter.preview(item, "A sentence")
        [part] = adapter.split(self.TEXT)
        await adapter.send(replace(item, preview_ref=shown), part, 0)
        assert len(general.history()) == 2
        assert [file.filename for file in general.last_message.attachments] == ["answer.md"]


@pytest.mark.behaviour("how.files-out", "discord")
class TestFiles:
    FILE = AnswerFile(name="everyone.md", content=b"Tea at four, @everyone.")

    async def test_come_with_the_words(self, simcord_env, general, adapter):
        await adapter.send(replace(make_item(general.id), file=self.FILE), "The plan.", 0)
        assert general.last_message.content == "The plan."
        [file] = general.last_message.attachments
        assert (file.filename, file.size) == ("everyone.md", len(self.FILE.content))
        assert posted(simcord_env)[-1]["allowed_mentions"]["parse"] == []

    async def test_come_in_the_message_that_was_their_preview(self, general, adapter, item):
        shown = await adapter.preview(item, "The")
        await adapter.send(replace(item, preview_ref=shown, file=self.FILE), "The plan.", 0)
        assert len(general.history()) == 2
        assert general.last_message.content == "The plan."
        assert [file.filename for file in general.last_message.attachments] == ["everyone.md"]


@pytest.fixture
async def item(general, ada, me, inbox, adapter):
    """A reply to a message of Ada's."""
    await ada.send(general, f"{me} hi")
    return item_for(inbox.events[0])


@pytest.mark.behaviour("how.streaming", "discord")
class TestPreviews:
    async def test_are_one_message_that_becomes_the_reply(self, general, adapter, item):
        shown = await adapter.preview(item, "Hel")
        known = replace(item, preview_ref=shown)
        assert general.last_message.content == "Hel ▌"
        assert await adapter.preview(known, "Hello, @everyone") == shown
        assert general.last_message.content == "Hello, @\u200beveryone ▌"
        assert await adapter.send(known, "Hello, Ada", 0) == shown
        assert general.last_message.content == "Hello, Ada"
        assert len(general.history()) == 2

    async def test_show_the_first_part_of_a_long_reply(self, general, adapter, item):
        await adapter.preview(item, "A sentence of words. " * 500)
        assert len(general.last_message.content) <= 2000

    async def test_ping_and_preview_links_no_more_than_a_reply(
        self, simcord_env, general, adapter, item
    ):
        await adapter.preview(item, "<@&1> https://example.org")
        body = posted(simcord_env)[-1]
        assert body["allowed_mentions"]["parse"] == []
        assert body["flags"] == 4
        [preview] = general.history()[-1:]
        await adapter.send(replace(item, preview_ref=str(preview.id)), "<@&1>", 0)
        edits = [entry.json for entry in simcord_env.http_requests if entry.method == "PATCH"]
        assert edits[-1]["allowed_mentions"]["parse"] == []

    async def test_of_another_answer_are_left_alone(self, general, ada, me, inbox, adapter, item):
        await ada.send(general, f"{me} and this?")
        other = item_for(inbox.events[1], nonce="01J0OTHER")
        await adapter.preview(item, "One")
        await adapter.preview(other, "Two")
        await adapter.send(replace(other, preview_ref=""), "Two!", 0)
        assert [one.content for one in general.history()][-2:] == ["One ▌", "Two!"]

    async def test_whose_id_was_never_noted_are_found_again(self, general, adapter, item):
        await adapter.preview(item, "Hel")
        lost = replace(item, preview_ref="")
        for _ in range(2):  # the answer to the first try may be lost as well
            await adapter.send(lost, "Hello, Ada", 0)
        assert [message.content for message in general.history()][1:] == ["Hello, Ada"]

    @pytest.mark.behaviour("how.stream-fallback", "discord")
    async def test_that_somebody_took_away_are_replaced(self, simcord_env, general, adapter, item):
        simcord_env.inject_error("PATCH", "/channels/*/messages/*", status=404)
        known = replace(item, preview_ref=await adapter.preview(item, "Hel"))
        await adapter.send(known, "Hello, Ada", 0)
        assert general.last_message.content == "Hello, Ada"
        assert len(general.history()) == 3

    @pytest.mark.parametrize("noted", [True, False])
    async def test_go_when_there_is_no_reply(self, general, adapter, item, noted):
        shown = await adapter.preview(item, "Hel")
        await adapter.withdraw(replace(item, preview_ref=shown if noted else ""))
        assert len(general.history()) == 1

    async def test_in_a_thread_opened_for_the_question_are_found_again_too(
        self, simcord_env, general, ada, adapter
    ):
        asked = await ada.send(general, "Hello?")
        opened = simcord_env.backend.create_thread(general.id, "tea", ada.id, message_id=asked.id)
        address = json.dumps({"channel": str(opened.id), "opened_from": str(asked.id)})
        item = replace(make_item(opened.id), address=address)
        assert adapter.can_preview(address)
        await adapter.preview(item, "Hel")
        await adapter.send(replace(item, preview_ref=""), "Hello, Ada", 0)
        [thread] = general.threads
        assert [one.content for one in thread.history() if one.author.bot] == ["Hello, Ada"]

    async def test_need_a_message_to_answer(self, adapter, item, general):
        assert adapter.can_preview(item.address)
        assert not adapter.can_preview(make_item(general.id).address)


class TestRefusals:
    @pytest.mark.parametrize("status", [401, 429, 500, 503])
    async def test_that_may_end_are_delays(self, simcord_env, general, adapter, status):
        simcord_env.inject_error("POST", "/channels/*/messages", status=status)
        with pytest.raises(DeliveryDelayed):
            await adapter.send(make_item(general.id), "Hello", 0)

    @pytest.mark.parametrize("status", [400, 403, 404])
    async def test_that_stay_are_refusals_in_one_sentence(
        self, simcord_env, general, adapter, status
    ):
        simcord_env.inject_error("POST", "/channels/*/messages", status=status)
        with pytest.raises(DeliveryRefused) as refused:
            await adapter.send(make_item(general.id), "my secret is plum", 0)
        assert str(status) in refused.value.sentence
        assert "plum" not in refused.value.sentence

    async def test_of_a_channel_that_is_gone(self, adapter, simcord_env):
        with pytest.raises(DeliveryRefused, match="gone"):
            await adapter.send(make_item(12345), "Hello", 0)

    async def test_of_a_text_too_long(self, adapter, general):
        with pytest.raises(DeliveryRefused, match="50035"):
            await adapter.send(make_item(general.id), "x" * 2001, 0)

    @pytest.mark.parametrize("address", ["", "[]", "{}", '{"channel": "general"}'])
    async def test_of_an_address_that_is_none(self, simcord_env, adapter, address):
        with pytest.raises(DeliveryRefused, match="no Discord channel"):
            await adapter.send(replace(make_item(1), address=address), "Hello", 0)
        await adapter.show_activity(replace(make_turn(1), address=address), "working")
        assert posted(simcord_env) == []

    async def test_before_there_is_a_connection(self):
        with pytest.raises(DeliveryDelayed, match="not connected"):
            await make_adapter().send(make_item(1), "Hello", 0)

    async def test_after_the_connection_was_closed(self, simcord_env, general, adapter):
        await adapter.close()
        with pytest.raises(DeliveryDelayed):
            await adapter.send(make_item(general.id), "Hello", 0)


class TestTyping:
    def typed(self, env):
        return len([entry for entry in env.http_requests if entry.path.endswith("/typing")])

    @pytest.mark.behaviour("how.typing", "discord")
    async def test_goes_on_until_the_turn_is_idle(self, simcord_env, general, adapter):
        turn = make_turn(general.id)
        await self.show(simcord_env, adapter, turn, "working")
        assert self.typed(simcord_env) == 1
        await simcord_env.advance_time(17)
        assert self.typed(simcord_env) == 3
        await self.show(simcord_env, adapter, turn, "idle")
        await simcord_env.advance_time(60)
        assert self.typed(simcord_env) == 3

    async def test_is_shown_once_a_turn(self, simcord_env, general, adapter):
        turn = make_turn(general.id)
        await self.show(simcord_env, adapter, turn, "working")
        await self.show(simcord_env, adapter, turn, "working")
        assert self.typed(simcord_env) == 1
        await self.show(simcord_env, adapter, turn, "idle")

    @pytest.mark.behaviour("how.typing", "discord")
    async def test_is_shown_at_once_for_a_message_that_has_to_wait(
        self, simcord_env, general, ada, me
    ):
        await ada.send(general, f"{me} hello")
        assert self.typed(simcord_env) == 1

    async def test_is_shown_five_times_in_five_seconds_at_most(self, simcord_env, general, ada, me):
        for number in range(8):
            await ada.send(general, f"{me} {number}")
            await simcord_env.advance_time(0.5)
        assert 2 <= self.typed(simcord_env) <= 3

    async def test_comes_back_after_a_message_while_a_turn_goes_on(
        self, simcord_env, general, adapter
    ):
        turn = make_turn(general.id)
        await self.show(simcord_env, adapter, turn, "working")
        with simcord_env._bot_scope():
            await adapter.send(make_item(general.id), "Half of it.", 0)
        await simcord_env.advance_time(2)
        assert self.typed(simcord_env) == 2
        await self.show(simcord_env, adapter, turn, "idle")

    async def test_never_gets_in_the_way(self, simcord_env, general, adapter):
        simcord_env.inject_error("POST", "/channels/*/typing", status=403)
        turn = make_turn(general.id)
        await self.show(simcord_env, adapter, turn, "working")
        await self.show(simcord_env, adapter, turn, "idle")
        await self.show(simcord_env, adapter, turn, "idle")
        await make_adapter().show_activity(make_turn(1), "idle")

    async def show(self, env, adapter, turn, activity):
        """As the bot's own work, so that simcord's clock drives it."""
        with env._bot_scope():
            await adapter.show_activity(turn, activity)
        await env.settle()


class TestWaiting:
    @pytest.fixture
    async def asked(self, general, ada, me):
        return await ada.send(general, f"{me} hello")

    async def show(self, env, adapter, turn, *activities):
        with env._bot_scope():
            for activity in activities:
                await adapter.show_activity(turn, activity)
        await env.settle()

    def reactions(self, env):
        return [entry.method for entry in env.http_requests if "/reactions/" in entry.path]

    @pytest.mark.behaviour("how.queued", "discord")
    async def test_is_a_reaction_that_goes_when_the_turn_begins(
        self, simcord_env, general, adapter, asked
    ):
        address = json.dumps({"channel": str(general.id), "message": str(asked.id)})
        turn = replace(make_turn(general.id), address=address)
        await self.show(simcord_env, adapter, turn, "waiting")
        assert self.reactions(simcord_env) == ["PUT"]
        await self.show(simcord_env, adapter, turn, "working", "idle")
        assert self.reactions(simcord_env) == ["PUT", "DELETE"]

    async def test_leaves_no_mark_of_an_earlier_process(self, simcord_env, general, adapter, asked):
        address = json.dumps({"channel": str(general.id), "message": str(asked.id)})
        turn = make_turn(general.id)
        old = replace(turn, address=address, created_at=turn.created_at - timedelta(hours=1))
        await self.show(simcord_env, adapter, old, "working", "idle")
        assert set(self.reactions(simcord_env)) == {"DELETE"}

    async def test_that_discord_refuses_is_only_logged(self, simcord_env, general, adapter, asked):
        simcord_env.inject_error("PUT", "/channels/*/messages/*/reactions/*/@me", status=403)
        address = json.dumps({"channel": str(general.id), "message": str(asked.id)})
        turn = replace(make_turn(general.id), address=address)
        await self.show(simcord_env, adapter, turn, "waiting", "working", "idle")
