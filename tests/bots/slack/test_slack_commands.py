"""Commands in all their forms, and that only the asker sees and confirms."""

import json
from dataclasses import replace

import pytest

from bots.adapter import AnswerFile, Choice, CommandAnswer
from bots.command_table import COMMANDS
from bots.slack_bot.manifest import manifest
from engine.errors import NotAllowed
from tests.fixtures.slack_server import BOT_USER, Fault

ROOM = {"channel": "C1", "channel_type": "channel"}
MENTION = f"<@{BOT_USER}>"


async def slash(bot, text: str, **fields: str) -> list[dict]:
    """Give a slash command and wait for its answer; all responses so far."""
    before = len(bot.slack.responses)
    await bot.take(bot.slack.slash(text, **fields), "slash_commands")
    await bot.slack.until(lambda: len(bot.slack.responses) > before)
    return bot.slack.responses


def shown(message: dict) -> str:
    return message["blocks"][0]["text"]


def button(message: dict, label: str) -> dict:
    elements = message["blocks"][-1]["elements"]
    return next(element for element in elements if element["text"]["text"] == label)


class TestSlash:
    @pytest.mark.behaviour("command.private", "slack")
    async def test_runs_the_command_for_the_asker_alone(self, bot):
        [answer] = await slash(bot, "memory show travel plans")
        [request] = bot.runner.requests
        assert request.command == "memory show"
        assert request.arguments == {"topic": "travel plans"}
        assert request.scope.conversation_id == "slack:T1/channel/C1/main"
        assert request.actor == "slack:T1/U1"
        assert request.actor_name == "Ada"
        assert request.confirmed is False
        assert answer["response_type"] == "ephemeral"
        assert shown(answer) == "ran memory show"
        assert bot.slack.posted == []

    async def test_in_direct_messages_means_the_personal_agent(self, bot):
        await slash(bot, "status", channel_id="D1", channel_name="directmessage")
        assert bot.runner.requests[0].scope.agent_id == "slack:T1/user/U1"

    async def test_takes_named_options_and_quotes(self, bot):
        await slash(bot, "memory edit text:“likes tea” block")
        assert bot.runner.requests[0].arguments == {"item": "block", "text": "likes tea"}

    async def test_takes_options_by_place_the_last_one_with_all_that_is_left(self, bot):
        await slash(bot, 'memory edit "the block" new text here')
        await slash(bot, "memory edit one two three")
        assert [request.arguments for request in bot.runner.requests] == [
            {"item": "the block", "text": "new text here"},
            {"item": "one", "text": "two three"},
        ]

    async def test_unescapes_what_slack_escapes(self, bot):
        await slash(bot, "memory forget a &amp; b &lt;3")
        assert bot.runner.requests[0].arguments == {"item": "a & b <3"}

    @pytest.mark.behaviour("command.help", "slack")
    async def test_without_words_gives_help(self, bot):
        await slash(bot, "")
        assert bot.runner.requests[0].command == "help"

    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ("memroy shwo", "Did you mean `memory show`?"),
            ("memory", "`memory show`, `memory forget`"),
            ("memory forget", "`item` is missing"),
            ("status now", "more than the command takes: `status`"),
            ("xyzzy", "no such command"),
        ],
    )
    async def test_what_is_not_understood_is_answered_with_help(self, bot, typed, told):
        [answer] = await slash(bot, typed)
        assert told in shown(answer)
        assert bot.runner.requests == []

    async def test_a_problem_is_its_plain_sentence(self, bot):
        bot.runner.problem = NotAllowed()
        [answer] = await slash(bot, "status")
        assert shown(answer) == "Only an admin may do that."

    @pytest.mark.behaviour("how.errors", "slack")
    async def test_our_own_mistake_is_said_with_an_id_that_is_in_the_log(self, bot, caplog):
        bot.runner.problem = ValueError("aubergine")
        [answer] = await slash(bot, "status")
        error_id = shown(answer).removesuffix(".").split()[-1]
        assert error_id in caplog.text
        assert "aubergine" not in caplog.text


class TestEveryCommand:
    async def test_arrives_as_it_was_given_and_is_answered_to_its_giver(self, bot, slack):
        bot.adapter._commands._surface = replace(bot.adapter._commands._surface, table=COMMANDS)
        for spec in COMMANDS:
            names = [name.removesuffix("?") for name in spec.options]
            typed = " ".join([spec.words, *(f'{name}:"a {name}"' for name in names)])
            answer = (await slash(bot, typed))[-1]
            request = bot.runner.requests[-1]
            assert request.command == spec.words
            assert request.arguments == {name: f"a {name}" for name in names}, spec.words
            assert request.actor == "slack:T1/U1"
            assert answer["response_type"] == "ephemeral"
            assert shown(answer) == f"ran {spec.words}"


class TestWords:
    async def test_in_direct_messages(self, bot, slack):
        await bot.say("!memory show cats")
        await slack.until(lambda: slack.ephemerals)
        [answer] = slack.ephemerals
        assert (answer["channel"], answer["user"]) == ("D1", "U1")
        assert shown(answer) == "ran memory show"
        assert bot.inbox.outcomes == []

    @pytest.mark.behaviour("command.text-form", "slack")
    async def test_in_a_thread_where_it_is_called(self, bot, slack):
        await bot.say(f"{MENTION} !status", thread_ts="1699.1", **ROOM)
        await slack.until(lambda: slack.ephemerals)
        assert slack.ephemerals[0]["thread_ts"] == "1699.1"
        scope = bot.runner.requests[0].scope
        assert scope.conversation_id == "slack:T1/channel/C1/thread/1699.1"
        assert bot.inbox.outcomes == []

    async def test_not_addressed_to_the_bot_do_nothing(self, bot, slack):
        await bot.say("!status", **ROOM)
        assert bot.runner.requests == []
        assert bot.inbox.outcomes == []

    async def test_twins_and_repeats_run_once(self, bot, slack):
        payload = slack.event(slack.message(f"{MENTION} !status", **ROOM))
        twin = slack.event(payload["event"] | {"type": "app_mention"})
        for event in (payload, twin, payload):
            await bot.take(event)
        await bot.say("!help")
        await slack.until(lambda: len(slack.ephemerals) == 2)
        assert [request.command for request in bot.runner.requests] == ["status", "help"]

    async def test_other_exclamations_are_messages(self, bot):
        await bot.say("!!! wow")
        assert bot.inbox.outcomes == ["queued"]

    async def test_where_ephemeral_fails_the_answer_comes_by_direct_message(self, bot, slack):
        slack.fail("chat.postEphemeral", Fault(error="user_not_in_channel"))
        await bot.say("!status")
        await slack.until(lambda: slack.posted)
        assert slack.posted[0]["channel"] == "U1"


class TestAnswers:
    async def test_long_ones_come_in_parts(self, bot, slack):
        text = "\n\n".join(f"line {number} " + "y" * 300 for number in range(60))
        bot.runner.answers["status"] = CommandAnswer(text=text)
        await slash(bot, "status")
        await slack.until(lambda: len(slack.responses) == 2)
        assert all(len(shown(answer)) <= 12_000 for answer in slack.responses)
        assert "line 59" in shown(slack.responses[1])

    async def test_very_long_ones_come_as_a_file(self, bot, slack):
        text = "\n\n".join("z" * 1_000 for _ in range(80))
        bot.runner.answers["status"] = CommandAnswer(text=text)
        await slash(bot, "status")
        await slack.until(lambda: len(slack.responses) == 2)
        assert slack.files[0]["content"] == text.encode()
        assert "answer.md" in shown(slack.responses[1])

    @pytest.mark.behaviour("how.files-out", "slack")
    async def test_files_go_to_the_askers_direct_messages(self, bot, slack):
        file = AnswerFile(name="memory.zip", content=b"PK")
        bot.runner.answers["memory export"] = CommandAnswer(text="Here.", file=file)
        [answer] = await slash(bot, "memory export")
        assert slack.files[0]["channel"] == "D1"
        assert slack.files[0]["content"] == b"PK"
        assert "memory.zip" in shown(answer)

    async def test_a_file_that_cannot_be_sent_is_said(self, bot, slack):
        slack.fail("files.getUploadURLExternal", Fault(error="missing_scope"))
        file = AnswerFile(name="memory.zip", content=b"PK")
        bot.runner.answers["memory export"] = CommandAnswer(text="Here.", file=file)
        [answer] = await slash(bot, "memory export")
        assert "could not be sent" in shown(answer)

    async def test_ping_nobody(self, bot):
        bot.runner.answers["status"] = CommandAnswer(text="<!channel> @here")
        [answer] = await slash(bot, "status")
        assert shown(answer) == answer["text"] == "<\u200b!channel> @\u200bhere"

    async def test_a_used_up_response_address_is_no_end(self, bot, slack):
        slack.fail("response_url", Fault(status=404))
        await bot.take(slack.slash("status"), "slash_commands")
        await slack.until(lambda: slack.ephemerals)
        assert slack.ephemerals[0]["user"] == "U1"


class TestConfirming:
    @pytest.fixture
    async def question(self, bot):
        bot.runner.answers["memory forget"] = CommandAnswer(text="This goes.", confirm="Forget it")
        [answer] = await slash(bot, "memory forget cats")
        return answer

    async def press(self, bot, pressed: dict, user: str = "U1") -> None:
        await bot.take(bot.slack.press(pressed, user=user), "interactive")

    async def test_by_the_asker_runs_the_same_request(self, bot, slack, question):
        await self.press(bot, button(question, "Forget it"))
        await slack.until(lambda: len(slack.responses) == 2)
        first, second = bot.runner.requests
        assert second.confirmed
        assert (second.command, second.arguments) == (first.command, first.arguments)
        assert second.scope == first.scope
        assert slack.responses[1]["replace_original"] is True
        assert shown(slack.responses[1]) == "It is gone."

    @pytest.mark.behaviour("command.asker-only", "slack")
    async def test_by_somebody_else_is_refused_to_that_person(self, bot, slack, question):
        await self.press(bot, button(question, "Forget it"), user="U2")
        await slack.until(lambda: slack.ephemerals)
        assert slack.ephemerals[0]["user"] == "U2"
        assert len(bot.runner.requests) == 1
        assert len(slack.responses) == 1

    async def test_from_another_team_is_refused(self, bot, slack, question):
        press = slack.press(button(question, "Forget it")) | {"team": {"id": "T2"}}
        await bot.take(press, "interactive")
        await slack.until(lambda: slack.ephemerals)
        assert len(bot.runner.requests) == 1

    async def test_cancel_does_nothing(self, bot, slack, question):
        await self.press(bot, button(question, "Cancel"))
        await slack.until(lambda: len(slack.responses) == 2)
        assert len(bot.runner.requests) == 1
        assert "Nothing was changed" in shown(slack.responses[1])

    async def test_pressed_twice_runs_once(self, bot, slack, question):
        press = slack.press(button(question, "Forget it"))
        await bot.take(press, "interactive")
        await bot.take(press, "interactive")
        await slash(bot, "status")
        await slack.until(lambda: len(slack.responses) == 3)
        assert [request.command for request in bot.runner.requests].count("memory forget") == 2

    @pytest.mark.behaviour("command.after-restart", "slack")
    async def test_survives_a_restart(self, make_bot, bot, slack, question):
        async with make_bot().serve() as fresh:
            await slack.until(lambda: slack.connections_opened == 2)
            await self.press(fresh, button(question, "Forget it"))
            await slack.until(lambda: fresh.runner.requests)
        assert fresh.runner.requests[0].arguments == {"item": "cats"}

    async def test_leads_to_other_commands_that_can_be_chosen(self, bot, slack):
        undo = Choice(label="Undo", command="memory undo", arguments={"id": "7"})
        bot.runner.answers["memory show"] = CommandAnswer(text="Written.", choices=(undo,))
        [answer] = await slash(bot, "memory show")
        await self.press(bot, button(answer, "Undo"))
        await slack.until(lambda: len(slack.responses) == 2)
        chosen = bot.runner.requests[1]
        assert (chosen.command, chosen.arguments, chosen.confirmed) == (
            "memory undo",
            {"id": "7"},
            False,
        )
        assert slack.responses[1]["replace_original"] is False

    async def test_a_request_too_long_for_a_button_is_kept_for_the_asker(self, bot, slack):
        bot.runner.answers["memory forget"] = CommandAnswer(text="This goes.", confirm="Forget it")
        [answer] = await slash(bot, "memory forget " + "long " * 600)
        await self.press(bot, button(answer, "Forget it"))
        await slack.until(lambda: len(slack.responses) == 2)
        asked, pressed = bot.runner.requests
        assert pressed.arguments == {"key": "0"}
        assert bot.runner.kept[0].arguments == asked.arguments
        assert pressed.confirmed

    async def test_keeps_the_thread_it_was_asked_in(self, bot, slack):
        bot.runner.answers["memory forget"] = CommandAnswer(text="This goes.", confirm="Forget it")
        await bot.say(f"{MENTION} !memory forget cats", thread_ts="1699.1", **ROOM)
        await slack.until(lambda: slack.ephemerals)
        await self.press(bot, button(slack.ephemerals[0], "Forget it"))
        await slack.until(lambda: slack.responses)
        assert bot.runner.requests[0].scope == bot.runner.requests[1].scope


class TestForms:
    @pytest.mark.behaviour("command.modal", "slack")
    async def test_ask_for_a_longer_text_and_run_the_command_with_it(self, bot, slack):
        bot.runner.written = "likes tea"
        await bot.take(slack.slash("memory edit tea"), "slash_commands")
        await slack.until(lambda: slack.forms)
        [view] = slack.forms
        assert view["blocks"][0]["element"]["initial_value"] == "likes tea"
        assert bot.runner.requests == []
        await bot.take(slack.submission(view, "likes coffee"), "interactive")
        await slack.until(lambda: slack.ephemerals)
        [request] = bot.runner.requests
        assert request.arguments == {"item": "tea", "text": "likes coffee"}
        assert request.scope.agent_id == "slack:T1/channel/C1"
        assert slack.ephemerals[0]["user"] == "U1"

    async def test_that_cannot_be_opened_leave_the_command_as_it_was_given(self, bot, slack):
        slack.fail("views.open", Fault(error="expired_trigger_id"))
        [answer] = await slash(bot, "memory edit tea")
        assert bot.runner.requests[0].arguments == {"item": "tea"}
        assert shown(answer) == "ran memory edit"


class TestAppHome:
    async def open_home(self, bot) -> dict:
        event = {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home"}
        await bot.take(bot.slack.event(event))
        await bot.slack.until(lambda: bot.slack.homes)
        user, view = bot.slack.homes[-1]
        assert user == "U1"
        return view

    def press(self, slack, view, label) -> dict:
        rows = [block for block in view["blocks"] if block["type"] == "actions"]
        found = [one for row in rows for one in row["elements"] if one["text"]["text"] == label]
        pressed = slack.press(found[0]) | {"container": {"type": "view", "view_id": "V1"}}
        del pressed["channel"], pressed["response_url"]
        return pressed

    @pytest.mark.behaviour("command.app-home", "slack")
    async def test_shows_what_is_kept_with_the_buttons_of_its_commands(self, bot, slack):
        bot.runner.values = ["likes tea", "plays <!here> chess"]
        view = await self.open_home(bot)
        texts = [one["text"]["text"] for one in view["blocks"] if one["type"] == "section"]
        assert texts[1:] == ["likes tea", "plays <!here> chess"]
        assert view["blocks"][-1]["elements"][0]["text"]["text"] == "Export"
        await bot.take(self.press(slack, view, "Forget"), "interactive")
        await slack.until(lambda: len(slack.homes) == 2)
        request = bot.runner.requests[1]
        assert (request.command, request.arguments) == ("memory forget", {"item": "likes tea"})
        assert request.scope.agent_id == "slack:T1/user/U1"

    async def test_edits_in_a_form_and_shows_itself_anew(self, bot, slack):
        bot.runner.values = ["likes tea"]
        view = await self.open_home(bot)
        await bot.take(self.press(slack, view, "Edit"), "interactive")
        await slack.until(lambda: slack.forms)
        await bot.take(slack.submission(slack.forms[0], "likes coffee"), "interactive")
        await slack.until(lambda: len(slack.homes) == 3)
        edits = [one for one in bot.runner.requests if one.command == "memory edit"]
        assert edits[-1].arguments == {"item": "likes tea", "text": "likes coffee"}

    async def test_holds_no_more_than_slack_takes(self, bot):
        bot.runner.values = [f"line {number}" for number in range(99)]
        view = await self.open_home(bot)
        assert len(view["blocks"]) <= 100
        assert "54" in view["blocks"][-2]["text"]["text"]

    def test_is_in_the_manifest(self):
        made = manifest()
        assert made["features"]["app_home"]["home_tab_enabled"] is True
        assert "app_home_opened" in made["settings"]["event_subscriptions"]["bot_events"]


class TestTheMenuOfAMessage:
    @pytest.mark.behaviour("command.context-menus", "slack")
    async def test_gives_a_command_about_it(self, bot, slack):
        said = slack.message("The code is 4711, <@U1>", user="U2", thread_ts="1699.1", **ROOM)
        await bot.take(slack.shortcut("memory remember", said), "interactive")
        await slack.until(lambda: slack.responses)
        [request] = bot.runner.requests
        assert (request.command, request.actor) == ("memory remember", "slack:T1/U1")
        assert request.scope.conversation_id == "slack:T1/channel/C1/thread/1699.1"
        assert request.message.text == "The code is 4711, @Ada"
        assert request.message.source_key == f"slack:T1/C1/{said['ts']}"
        assert (request.message.author, request.message.author_name) == ("slack:T1/U2", "Bob B")
        assert slack.responses[0]["response_type"] == "ephemeral"

    def test_is_in_the_manifest(self):
        menus = {spec.words: spec.menu for spec in COMMANDS if spec.menu}
        shortcuts = manifest()["features"]["shortcuts"]
        assert {one["callback_id"]: one["name"] for one in shortcuts} == menus
        assert {one["type"] for one in shortcuts} == {"message"}


class TestFiles:
    async def give(self, bot, url: str) -> dict:
        bot.runner.answers["agent import"] = CommandAnswer(text="Dry run.", confirm="Import")
        file = {"name": "agent.zip", "mimetype": "application/zip", "size": 2, "url_private": url}
        await bot.say("!agent import", subtype="file_share", files=[file])
        await bot.slack.until(lambda: bot.slack.ephemerals)
        return bot.slack.ephemerals[0]

    async def test_come_with_both_steps_of_a_command(self, bot, slack):
        slack.uploads["F7"] = b"PK"
        answer = await self.give(bot, slack.file_url("F7"))
        await bot.take(slack.press(button(answer, "Import"), channel="D1"), "interactive")
        await slack.until(lambda: slack.responses)
        file = AnswerFile(name="agent.zip", content=b"PK")
        assert [request.file for request in bot.runner.requests] == [file, file]

    async def test_kept_elsewhere_are_not_read(self, bot):
        answer = await self.give(bot, "https://evil.example/slack.com")
        assert "not kept by Slack" in shown(answer)
        assert bot.runner.requests == []

    async def test_that_are_gone_are_a_plain_sentence(self, bot, slack):
        answer = await self.give(bot, slack.file_url("F0"))
        assert "did not hand over the file" in shown(answer)


class TestLanguages:
    @pytest.mark.behaviour("command.locale", "slack")
    async def test_are_what_slack_says_of_the_asker(self, bot, slack):
        slack.users["U1"]["locale"] = "de-DE"
        bot.runner.answers["memory forget"] = CommandAnswer(text="Das geht.", confirm="Vergessen")
        [answer] = await slash(bot, "memory forget cats")
        assert bot.runner.requests[0].locale == "de-DE"
        assert slack.params("users.info")[0]["include_locale"] == "true"
        await bot.take(slack.press(button(answer, "Abbrechen")), "interactive")
        await slack.until(lambda: len(slack.responses) == 2)
        assert shown(slack.responses[1]) == "Es wurde nichts geändert."


class TestAdmins:
    async def test_are_who_slack_says(self, bot):
        await slash(bot, "status", user_id="UADMIN")
        await slash(bot, "status", user_id="U1")
        assert [request.platform_admin for request in bot.runner.requests] == [True, False]

    async def test_are_asked_again_after_a_minute(self, bot, slack):
        await slash(bot, "status", user_id="UADMIN")
        slack.users["UADMIN"]["is_admin"] = False
        bot.clock.at = bot.clock.at.replace(minute=2)
        await slash(bot, "status", user_id="UADMIN")
        assert [request.platform_admin for request in bot.runner.requests] == [True, False]

    async def test_are_nobody_when_slack_cannot_say(self, bot, slack):
        slack.fail("users.info", Fault(status=503))
        await slash(bot, "status", user_id="UADMIN")
        assert bot.runner.requests[0].platform_admin is False

    async def test_of_another_workspace_are_none_here(self, bot, slack):
        slack.users["UADMIN"]["team_id"] = "T2"
        await slash(bot, "status", user_id="UADMIN")
        slack.users["UADMIN"] |= {"id": "UADMIN", "enterprise_user": {"teams": ["T1", "T2"]}}
        bot.clock.at = bot.clock.at.replace(minute=2)
        await slash(bot, "status", user_id="UADMIN")
        assert [request.platform_admin for request in bot.runner.requests] == [False, True]


class TestOutsiders:
    """Whose words are not learned from unless an admin allows it; the command layer asks."""

    async def outsider(self, bot, slack, *, said_by="U2"):
        said = slack.message("The code is 4711.", user=said_by, **ROOM)
        await bot.take(slack.shortcut("memory remember", said), "interactive")
        await slack.until(lambda: slack.responses)
        await slash(bot, "memory show")
        return [request.outsider for request in bot.runner.requests]

    async def test_are_no_members(self, bot, slack):
        assert await self.outsider(bot, slack) == [False, False]

    @pytest.mark.behaviour("who.outsiders", "slack")
    async def test_are_guests_whether_they_ask_or_are_quoted(self, bot, slack):
        slack.users["U2"]["is_restricted"] = True
        assert await self.outsider(bot, slack) == [True, False]
        slack.users["U3"] = {"id": "U3", "name": "eve", "is_ultra_restricted": True}
        await slash(bot, "memory show", user_id="U3")
        assert bot.runner.requests[-1].outsider

    @pytest.mark.behaviour("who.outsiders", "slack")
    async def test_are_all_who_are_in_a_channel_shared_with_others(self, bot, slack):
        slack.channels["C1"]["is_ext_shared"] = True
        assert await self.outsider(bot, slack) == [True, True]

    async def test_are_all_who_are_where_slack_does_not_say(self, bot, slack):
        del slack.channels["C1"]
        assert await self.outsider(bot, slack) == [True, True]


class TestButtonsOnTheWire:
    async def test_carry_the_request_and_nothing_secret(self, bot):
        bot.runner.answers["memory forget"] = CommandAnswer(text="This goes.", confirm="Forget it")
        [answer] = await slash(bot, "memory forget cats")
        assert json.loads(button(answer, "Forget it")["value"]) == {
            "command": "memory forget",
            "arguments": {"item": "cats"},
            "confirmed": True,
            "team": "T1",
            "user": "U1",
            "room": "C1",
            "thread": None,
            "file": None,
        }
