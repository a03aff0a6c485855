"""Replies and status lines out, against every way Slack has of not taking them."""

import json
import re
from dataclasses import replace

import pytest

from engine.answer_files import AnswerFile
from engine.choices import Choice
from engine.errors import DeliveryDelayed, DeliveryRefused
from engine.progress import Work
from tests.bots.slack.conftest import a_turn, an_item, looks
from tests.fixtures.slack_server import APP_TOKEN, BOT_USER, TEAM, Fault

ROOM = {"channel": "C1", "channel_type": "channel"}


@pytest.fixture
async def event(bot):
    """A direct message that wants an answer."""
    await bot.say("hello")
    return bot.inbox.events[-1]


@pytest.fixture
async def room_event(bot):
    """A mention in a channel."""
    await bot.say(f"<@{BOT_USER}> hello", **ROOM)
    return bot.inbox.events[-1]


class TestSending:
    @pytest.mark.behaviour("how.no-previews", "slack")
    @pytest.mark.behaviour("how.markdown", "slack")
    async def test_posts_markdown_that_pings_and_previews_nothing(self, bot, slack, event):
        reference = await bot.adapter.send(an_item(event, nonce="n-7"), "**hi**", 2)
        [post] = slack.posted
        assert post["markdown_text"] == "**hi**"
        assert post["channel"] == "D1"
        assert "thread_ts" not in post
        assert post["unfurl_links"] is False
        assert post["unfurl_media"] is False
        assert post["metadata"] == {
            "event_type": "membot_reply",
            "event_payload": {"nonce": "n-7", "part": 2},
        }
        assert reference == f"D1/{post['ts']}"

    async def test_answers_a_room_in_the_thread_of_the_message(self, bot, slack, room_event):
        await bot.adapter.send(an_item(room_event), "hi", 0)
        assert slack.posted[0]["thread_ts"] == json.loads(room_event.address)["message_ts"]

    @pytest.mark.parametrize("in_thread", [False, True])
    @pytest.mark.parametrize("later", [{"state": "sending"}, {"attempts": 1}])
    async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(
        self, bot, slack, event, room_event, in_thread, later
    ):
        item = an_item(room_event if in_thread else event, nonce="n-7")
        slack.fail("chat.postMessage", Fault(lost=True))
        with pytest.raises(DeliveryDelayed):
            await bot.adapter.send(item, "hi", 1)
        again, [post] = replace(item, **later), slack.posted
        assert await bot.adapter.send(again, "hi", 1) == f"{post['channel']}/{post['ts']}"
        await bot.adapter.send(again, "and more", 2)
        assert [post["markdown_text"] for post in slack.posted] == ["hi", "and more"]

    async def test_takes_part_in_the_threads_it_writes_in(self, make_bot, bot, slack, room_event):
        other = make_bot(app_token=APP_TOKEN)
        await bot.adapter.close()
        await other.adapter.send(an_item(room_event), "hi", 0)
        root = json.loads(room_event.address)["message_ts"]
        async with other.serve():
            await slack.until(lambda: slack.connections_opened == 2)
            await other.say("thanks", thread_ts=root, **ROOM)
        assert [event.text for event in other.inbox.events] == ["thanks"]
        assert looks(slack) == []

    async def test_a_turn_taken_up_after_a_restart_needs_no_event(self, make_bot, slack, event):
        bot = make_bot()
        await bot.adapter.send(an_item(event), "hi", 0)
        await bot.adapter.close()
        assert len(slack.posted) == 1


class TestALineAboutLongWork:
    def work(self, event):
        return Work(id="w", scope=event.scope, address=event.address)

    @pytest.mark.behaviour("how.progress", "slack")
    async def test_is_one_message_of_the_thread_that_changes_and_goes(self, bot, slack, room_event):
        work = self.work(room_event)
        shown_in = await bot.adapter.show_line(work, "reading <!here> & b.pdf", None)
        [post] = slack.posted
        assert post["text"] == "\u23f3 reading &lt;\u200b!here&gt; &amp; b.pdf"
        assert post["thread_ts"] == json.loads(room_event.address)["message_ts"]
        assert (post["mrkdwn"], post["unfurl_links"]) == (False, False)
        assert await bot.adapter.show_line(work, "page 2", shown_in) == shown_in
        assert slack.shown["C1", post["ts"]]["text"] == "\u23f3 page 2"
        await bot.adapter.take_line(shown_in)
        assert ("C1", post["ts"]) not in slack.shown
        await bot.adapter.take_line(shown_in)

    async def test_is_not_taken_for_the_beginning_of_a_reply(self, make_bot, bot, room_event):
        await bot.adapter.show_line(self.work(room_event), "reading", None)
        other = make_bot()
        item = replace(an_item(room_event), preview_ref="")
        await other.adapter.send(item, "the reply", 0)
        await other.adapter.close()
        assert [post.get("text") for post in bot.slack.posted] == ["\u23f3 reading", None]


class TestChoices:
    """Buttons under a reply give a command for whoever presses them; rights are checked there."""

    def item(self, event):
        allow = Choice(label="Allow", command="approve", arguments={"id": "3fa9c1d2"})
        refuse = Choice(label="Refuse", command="deny", arguments={"id": "3fa9c1d2"}, danger=True)
        return replace(an_item(event), choices=(allow, refuse))

    async def asked(self, bot, event) -> list[dict]:
        await bot.adapter.send(self.item(event), "May I? <!here>", 0)
        text, actions = bot.slack.posted[-1]["blocks"]
        assert text == {"type": "markdown", "text": "May I? <\u200b!here>"}
        return actions["elements"]

    async def press(self, bot, button: dict, **more) -> None:
        await bot.take(bot.slack.press(button, **more), "interactive")
        await bot.slack.until(lambda: bot.slack.responses)

    async def test_are_pressed_by_anyone_there(self, bot, slack, room_event):
        allow, refuse = await self.asked(bot, room_event)
        assert (allow["text"]["text"], refuse["style"]) == ("Allow", "danger")
        await self.press(bot, refuse, user="U2")
        [request] = bot.runner.requests
        assert (request.command, request.arguments) == ("deny", {"id": "3fa9c1d2"})
        assert request.actor == "slack:T1/U2"
        assert request.scope.conversation_id == room_event.scope.conversation_id
        assert slack.responses[0]["response_type"] == "ephemeral"
        assert slack.responses[0]["replace_original"] is False

    async def test_know_the_thread_they_stand_in(self, bot, slack):
        await bot.say(f"<@{BOT_USER}> burn it", thread_ts="1699.1", **ROOM)
        allow, _ = await self.asked(bot, bot.inbox.events[-1])
        await self.press(bot, allow)
        assert bot.runner.requests[0].scope == bot.inbox.events[-1].scope

    async def test_survive_a_restart(self, make_bot, bot, slack, event):
        allow, _ = await self.asked(bot, event)
        async with make_bot().serve() as fresh:
            await slack.until(lambda: slack.connections_opened == 2)
            await self.press(fresh, allow, channel="D1")
        assert fresh.runner.requests[0].scope == event.scope

    async def test_of_another_workspace_do_nothing(self, bot, slack, event):
        allow, _ = await self.asked(bot, event)
        await bot.take(slack.press(allow) | {"team": {"id": "T2"}}, "interactive")
        assert bot.runner.requests == []


@pytest.mark.behaviour("how.streaming", "slack")
class TestStreams:
    def texts(self, slack):
        return [message["text"] for message in slack.shown.values()]

    async def begun(self, bot, event):
        """A reply of which two words are to be seen."""
        item = an_item(event, "one two three")
        return replace(item, preview_ref=await bot.adapter.preview(item, "one two th"))

    async def test_grow_by_whole_words_and_end_as_the_reply(self, bot, slack, room_event):
        item = await self.begun(bot, room_event)
        assert self.texts(slack) == ["one two "]
        assert await bot.adapter.preview(item, "one two three fo") == item.preview_ref
        assert self.texts(slack) == ["one two three "]
        reply = "one two three four"
        assert await bot.adapter.send(item, reply, 0) == item.preview_ref
        assert self.texts(slack) == [reply]
        assert slack.posted == []
        assert not slack.live_streams
        [start] = slack.params("chat.startStream")
        assert (start["recipient_user_id"], start["recipient_team_id"]) == ("U1", TEAM)

    async def test_never_spell_a_ping_in_pieces(self, bot, slack, room_event):
        item = an_item(room_event)
        item = replace(item, preview_ref=await bot.adapter.preview(item, "hi @chan"))
        await bot.adapter.preview(item, "hi @channel now")
        assert self.texts(slack) == ["hi @\u200bchannel "]

    @pytest.mark.behaviour("how.stream-fallback", "slack")
    async def test_that_ended_by_themselves_are_changed_into_the_reply(
        self, bot, slack, room_event
    ):
        item = await self.begun(bot, room_event)
        slack.live_streams.clear()
        with pytest.raises(DeliveryRefused):
            await bot.adapter.preview(item, "one two three four")
        await bot.adapter.send(item, "one two three four", 0)
        assert self.texts(slack) == ["one two three four"]

    @pytest.mark.behaviour("how.stream-fallback", "slack")
    async def test_that_became_another_text_are_changed_into_it(self, bot, slack, room_event):
        item = await self.begun(bot, room_event)
        await bot.adapter.send(item, "something else", 0)
        assert self.texts(slack) == ["something else"]

    @pytest.mark.behaviour("how.stream-fallback", "slack")
    async def test_that_cannot_be_changed_are_replaced(self, bot, slack, room_event):
        item = await self.begun(bot, room_event)
        slack.fail("chat.update", Fault(error="msg_too_long"))
        await bot.adapter.send(item, "something else", 0)
        assert self.texts(slack) == ["something else"]
        assert len(slack.posted) == 1

    @pytest.mark.parametrize("text", ["one more thing ", "one two " + "and so on " * 1_300])
    async def test_do_not_grow_to_what_they_cannot_become(self, bot, slack, room_event, text):
        item = await self.begun(bot, room_event)
        with pytest.raises(DeliveryRefused):
            await bot.adapter.preview(item, text)
        assert self.texts(slack) == ["one two "]

    @pytest.mark.parametrize("method", ["chat.stopStream", "chat.update"])
    async def test_whose_end_was_not_answered_end_once(self, bot, slack, room_event, method):
        item = await self.begun(bot, room_event)
        reply = "one two three" if method == "chat.stopStream" else "something else"
        slack.fail(method, Fault(lost=True))
        with pytest.raises(DeliveryDelayed):
            await bot.adapter.send(item, reply, 0)
        await bot.adapter.send(item, reply, 0)
        assert self.texts(slack) == [reply]

    async def test_of_an_earlier_process_are_found_again(self, make_bot, bot, slack, room_event):
        await self.begun(bot, room_event)
        other, item = make_bot(), an_item(room_event)
        for _ in range(2):
            await other.adapter.send(replace(item, preview_ref=""), "the reply", 0)
        await other.adapter.close()
        assert self.texts(slack) == ["the reply"]

    @pytest.mark.behaviour("how.no-previews", "slack")
    async def test_give_way_to_a_message_without_previews_where_there_is_a_link(
        self, bot, slack, room_event
    ):
        item = await self.begun(bot, room_event)
        with pytest.raises(DeliveryRefused):
            await bot.adapter.preview(item, "one two see https://example.org now")
        reply = "one two see https://example.org now"
        assert await bot.adapter.send(item, reply, 0) != item.preview_ref
        assert self.texts(slack) == [reply]
        assert slack.posted[-1]["unfurl_links"] is False

    async def test_go_when_there_is_no_reply(self, bot, slack, room_event):
        await bot.adapter.withdraw(await self.begun(bot, room_event))
        assert self.texts(slack) == []

    async def test_are_only_for_threads(self, bot, event, room_event):
        assert bot.adapter.can_preview(room_event.address)
        assert not bot.adapter.can_preview(event.address)


@pytest.mark.behaviour("how.long-file", "slack")
async def test_a_very_long_reply_is_its_first_part_and_a_file(bot, slack, room_event):
    text = "A sentence of words. " * 3_500
    item = an_item(room_event, text)
    for number, part in enumerate(bot.adapter.split(text)):
        await bot.adapter.send(item, part, number)
    assert len(slack.posted) == 1
    assert list(slack.uploads.values()) == [text.encode()]
    [done] = slack.params("files.completeUploadExternal")
    assert done["thread_ts"] == slack.posted[0]["thread_ts"]


@pytest.mark.behaviour("how.files-out", "slack")
class TestFiles:
    def item(self, event):
        file = AnswerFile(name="plan.md", content=b"Tea at four, <!channel>.")
        return replace(an_item(event), file=file)

    async def test_follow_their_words_in_the_same_thread(self, bot, slack, room_event):
        assert bot.adapter.files_apart
        item = self.item(room_event)
        await bot.adapter.send(replace(item, file=None), "The plan.", 0)
        assert await bot.adapter.send(item, "", 1) == "C1/plan.md"
        [post], [file] = slack.posted, slack.files
        assert (file["title"], file["content"]) == ("plan.md", item.file.content)
        [done] = slack.params("files.completeUploadExternal")
        assert done["thread_ts"] == post["thread_ts"]

    async def test_that_slack_does_not_take_are_refused(self, bot, slack, event):
        slack.fail("files.getUploadURLExternal", Fault(error="missing_scope"))
        with pytest.raises(DeliveryRefused):
            await bot.adapter.send(self.item(event), "", 1)
        assert slack.posted == []


class TestTrouble:
    async def refused(self, bot, event) -> DeliveryRefused:
        with pytest.raises(DeliveryRefused) as caught:
            await bot.adapter.send(an_item(event), "hi", 0)
        return caught.value

    async def delayed(self, bot, event) -> DeliveryDelayed:
        with pytest.raises(DeliveryDelayed) as caught:
            await bot.adapter.send(an_item(event), "hi", 0)
        return caught.value

    async def test_a_rate_limit_is_waited_for_by_the_caller(self, bot, slack, event):
        slack.fail("chat.postMessage", Fault(status=429, error="ratelimited", retry_after=17))
        assert (await self.delayed(bot, event)).retry_after_seconds == 17
        assert slack.count("chat.postMessage") == 1

    async def test_503_means_later_and_is_not_repeated_here(self, bot, slack, event):
        slack.fail("chat.postMessage", Fault(status=503))
        assert (await self.delayed(bot, event)).retry_after_seconds is None
        assert slack.count("chat.postMessage") == 1

    @pytest.mark.parametrize("status", [429, 500, 502, 504])
    async def test_the_status_counts_more_than_the_code(self, bot, slack, event, status):
        slack.fail("chat.postMessage", Fault(status=status, error="something_new"))
        await self.delayed(bot, event)

    @pytest.mark.parametrize("code", ["internal_error", "service_unavailable", "fatal_error"])
    async def test_slacks_own_troubles_mean_later(self, bot, slack, event, code):
        slack.fail("chat.postMessage", Fault(error=code))
        await self.delayed(bot, event)

    async def test_a_lost_response_means_later_and_was_sent_once(self, bot, slack, event):
        slack.fail("chat.postMessage", Fault(lost=True))
        await self.delayed(bot, event)
        assert len(slack.posted) == 1
        assert slack.posted[0]["metadata"]["event_payload"]["nonce"] == "nonce-1"

    async def test_an_unreachable_slack_means_later(self, bot, slack, event):
        await slack.stop()
        await self.delayed(bot, event)

    @pytest.mark.parametrize(
        ("code", "word"),
        [
            ("channel_not_found", "channel"),
            ("is_archived", "archived"),
            ("not_in_channel", "invite"),
            ("invalid_auth", "SLACK_BOT_TOKEN"),
            ("something_new", "something_new"),
        ],
    )
    async def test_refusals_are_plain_sentences(self, bot, slack, event, code, word):
        slack.fail("chat.postMessage", Fault(error=code))
        assert word in (await self.refused(bot, event)).sentence


class TestPings:
    @pytest.mark.behaviour("how.no-pings", "slack")
    @pytest.mark.parametrize(
        "text",
        [
            "<!channel>",
            "<!here|here>",
            "<!everyone>",
            "<!subteam^S123|@team>",
            "<!SUBTEAM^S123>",
            "@channel",
            "hi @Here!",
            "(@everyone)",
            "<@U123>",
            "<@W123|bob>",
            "&lt;!channel&gt;",
            "&#60;!channel>",
            "<\\!channel>",
            "`<!channel>`",
        ],
    )
    async def test_nothing_the_model_writes_pings(self, bot, slack, event, text):
        [part] = bot.adapter.split(text)
        await bot.adapter.send(an_item(event), part, 0)
        sent = slack.posted[0]["markdown_text"]
        assert not re.search(r"(<|;)\\?[!@]|@(channel|here|everyone)", sent, re.IGNORECASE)
        assert sent.replace("\u200b", "") == text

    async def test_what_skips_the_splitting_pings_nobody_either(self, bot, slack, event):
        await bot.adapter.send(an_item(event), "<!channel>", 0)
        assert slack.posted[0]["markdown_text"] == "<\u200b!channel>"

    @pytest.mark.parametrize("text", ["bob@here.example", "<!DOCTYPE html>", "@channels", "a <b>"])
    async def test_other_text_stays_as_it_is(self, bot, text):
        assert bot.adapter.split(text) == [text]


class TestSplitting:
    @pytest.mark.behaviour("how.parts", "slack")
    async def test_keeps_parts_within_what_slack_takes(self, bot, slack, event):
        text = "\n\n".join(f"Paragraph {number} @channel " + "x" * 400 for number in range(80))
        parts = bot.adapter.split(text)
        for number, part in enumerate(parts):
            await bot.adapter.send(an_item(event), part, number)
        assert len(slack.posted) == len(parts) > 2
        whole = "".join(post["markdown_text"] for post in slack.posted)
        assert re.sub(r"\s|\u200b", "", whole) == re.sub(r"\s", "", text)


class TestActivity:
    @pytest.mark.behaviour("how.typing", "slack")
    async def test_a_taken_message_shows_at_once_and_ends_with_the_turn(self, bot, slack, event):
        ts = json.loads(event.address)["message_ts"]
        await slack.until(lambda: slack.statuses == [("D1", ts, "processing")])
        await bot.adapter.show_activity(a_turn(event), "working")
        await bot.adapter.show_activity(a_turn(event), "idle")
        assert slack.statuses == [("D1", ts, "processing"), ("D1", ts, "active")]

    async def test_a_turn_that_has_ended_is_not_shown_again(self, bot, slack, event):
        await bot.adapter.show_activity(a_turn(event), "idle")
        await bot.adapter.show_activity(a_turn(event), "working")
        assert slack.statuses[-1][2] == "active"

    async def test_falls_back_to_the_older_call_and_remembers(self, bot, slack):
        slack.fail("agents.sessions.setStatus", Fault(error="not_authorized"))
        await bot.say("hello")
        await slack.until(lambda: slack.statuses)
        await bot.adapter.show_activity(a_turn(bot.inbox.events[0]), "idle")
        assert [status for *_, status in slack.statuses] == ["is thinking...", ""]
        assert slack.count("agents.sessions.setStatus") == 1

    async def test_never_raises(self, bot, slack, event):
        await slack.until(lambda: slack.statuses)
        slack.fail("agents.sessions.setStatus", Fault(error="thread_not_found"))
        slack.fail("assistant.threads.setStatus", Fault(status=503))
        await bot.adapter.show_activity(a_turn(event), "idle")
        await slack.stop()
        await bot.adapter.show_activity(a_turn(event, "turn-2"), "working")

    async def test_a_duplicate_shows_nothing(self, bot, slack, event):
        await slack.until(lambda: slack.statuses)
        await bot.adapter.show_activity(a_turn(event), "idle")
        ts = json.loads(event.address)["message_ts"]
        await bot.say("hello", ts=ts)
        await bot.adapter.close()
        assert bot.inbox.outcomes[-1] == "duplicate"
        assert slack.statuses[-1][2] == "active"


class TestStop:
    def pressed(self, slack, channel: str, thread: str) -> dict:
        return slack.event(
            {
                "type": "agent_session_stopped",
                "channel": channel,
                "thread_ts": thread,
                "user": "U1",
                "event_ts": slack.ts(),
                "streaming_message_ts": [],
            }
        )

    @pytest.mark.behaviour("when.stop-native", "slack")
    async def test_ends_the_conversation_shown_and_leaves_processing(self, bot, slack, room_event):
        root = json.loads(room_event.address)["thread_ts"]
        await slack.until(lambda: slack.statuses)
        await bot.take(self.pressed(slack, "C1", root))
        assert [scope.conversation_id for scope in bot.inbox.stopped] == [
            f"slack:{TEAM}/channel/C1/main"
        ]
        assert slack.statuses[-1] == ("C1", root, "active")

    async def test_in_a_thread_with_its_own_conversation(self, bot, slack):
        await bot.say(f"<@{BOT_USER}> hello", thread_ts="1699.3", **ROOM)
        await slack.until(lambda: slack.statuses)
        await bot.take(self.pressed(slack, "C1", "1699.3"))
        assert bot.inbox.stopped[0].conversation_id.endswith("C1/thread/1699.3")

    async def test_after_a_restart_ends_what_it_may_mean(self, bot, slack):
        await bot.take(self.pressed(slack, "D1", "1699.3"))
        assert [scope.conversation_id for scope in bot.inbox.stopped] == [
            "slack:T1/user/U1/thread/1699.3",
            "slack:T1/user/U1/main",
        ]
        assert slack.statuses == [("D1", "1699.3", "active")]


class TestStopSign:
    @pytest.mark.behaviour("when.stop-reaction", "slack")
    async def test_is_handed_over_with_who_gave_it(self, bot, slack, room_event):
        ts = json.loads(room_event.address)["message_ts"]
        for name in ("thumbsup", "octagonal_sign"):
            await bot.take(
                slack.event(
                    {
                        "type": "reaction_added",
                        "user": "U2",
                        "reaction": name,
                        "item": {"type": "message", "channel": "C1", "ts": ts},
                        "event_ts": slack.ts(),
                    }
                )
            )
        assert bot.inbox.signs == [(f"slack:{TEAM}", room_event.source_key, f"slack:{TEAM}/U2")]


class TestWaiting:
    @pytest.mark.behaviour("how.queued", "slack")
    async def test_is_a_reaction_that_goes_when_the_turn_begins(self, bot, slack, room_event):
        turn = a_turn(room_event)
        for activity in ("waiting", "working", "idle"):
            await bot.adapter.show_activity(turn, activity)
        made = [call for call in slack.calls if call.method.startswith("reactions.")]
        assert [call.method for call in made] == ["reactions.add", "reactions.remove"]
        ts = json.loads(room_event.address)["message_ts"]
        assert made[0].params["timestamp"] == ts
        assert made[0].params["name"] == "hourglass_flowing_sand"

    async def test_that_slack_refuses_is_only_logged(self, bot, slack, room_event):
        slack.fail("reactions.add", Fault(error="missing_scope"))
        await bot.adapter.show_activity(a_turn(room_event), "waiting")
