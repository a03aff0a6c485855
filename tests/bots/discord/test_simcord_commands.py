"""Slash commands: who sees the answer, whose memory it is about, and the second step."""

import logging
from datetime import timedelta

import discord
import pytest

from bots.adapter import AnswerFile, Choice, CommandAnswer, CommandSpec
from bots.command_families import build_commands
from bots.command_table import COMMANDS
from bots.conversation_commands import StatusInfo
from engine.errors import NotAllowed
from tests.bots.discord.doubles import TABLE, make_adapter


@pytest.fixture
def admin(simcord_env, guild):
    role = guild.create_role("Mods", permissions=discord.Permissions(manage_guild=True))
    user = simcord_env.create_user("grace", global_name="Grace")
    return guild.add_member(user, roles=[role])


def buttons(message):
    return [button for row in message.components for button in row["components"]]


class TestRegistration:
    def registered(self, env):
        [sync] = [entry for entry in env.http_requests if entry.method == "PUT"]
        return {command["name"]: command for command in sync.json}

    async def test_covers_the_table(self, simcord_env, general, admin):
        assert set(admin.available_commands(general)) == {spec.words for spec in TABLE}

    @pytest.mark.behaviour("setup.contexts", "discord")
    async def test_names_contexts_and_installs(self, simcord_env):
        commands = self.registered(simcord_env)
        assert commands["memory"]["contexts"] == [0, 1, 2]
        assert commands["memory"]["integration_types"] == [0, 1]
        assert commands["agent"]["integration_types"] == [0]

    async def test_hides_admin_commands_from_others(self, simcord_env, general, ada):
        manage_guild = discord.Permissions(manage_guild=True).value
        commands = self.registered(simcord_env)
        assert commands["agent"]["default_member_permissions"] == manage_guild
        assert commands["memory"]["default_member_permissions"] is None
        assert "agent reset" not in ada.available_commands(general)

    async def test_marks_what_may_be_left_out(self, simcord_env):
        show, search, *_ = self.registered(simcord_env)["memory"]["options"]
        assert [(o["name"], o["required"], o["type"]) for o in show["options"]] == [
            ("topic", False, 3)
        ]
        assert search["options"][0]["required"]
        assert show["options"][0]["description"] == "Only about this"

    async def test_keeps_help_lines_as_short_as_discord_wants_them(self, simcord_env):
        description = self.registered(simcord_env)["help"]["description"]
        assert len(description) == 100
        assert description.endswith("…")

    @pytest.mark.behaviour("command.locale", "discord")
    async def test_says_what_commands_do_in_the_languages_we_have(self, simcord_env):
        adapter = make_adapter(table=COMMANDS)
        await simcord_env.restart_bot(adapter.new_client())
        sync = [entry for entry in simcord_env.http_requests if entry.method == "PUT"][-1]
        described = {command["name"]: command for command in sync.json}
        assert described["help"]["description_localizations"]["de"] == "Diese Liste"
        assert described["help"]["description_localizations"]["zh-CN"] == "本列表"
        assert "pl" not in described["help"]["description_localizations"]
        search = next(o for o in described["memory"]["options"] if o["name"] == "search")
        assert search["options"][0]["description_localizations"]["de"] == "Wonach gesucht wird"
        assert described["Forget this"]["name_localizations"]["fr"] == "Oublier ceci"

    async def test_takes_the_bots_own_table(self, simcord_env, general, admin):
        adapter = make_adapter(table=COMMANDS)
        await simcord_env.restart_bot(adapter.new_client())
        assert set(admin.available_commands(general)) == {spec.words for spec in COMMANDS}

    async def test_nests_as_deep_as_discord_does(self, simcord_env, general, ada):
        rows = (CommandSpec(words="memory card show", summary="Card"), *TABLE)
        adapter = make_adapter(table=rows)
        await simcord_env.restart_bot(adapter.new_client())
        await ada.slash(general, "memory card show")

    async def test_happens_once_a_process(self, simcord_env, adapter):
        await simcord_env.restart_bot(adapter.new_client())
        assert len([e for e in simcord_env.http_requests if e.method == "PUT"]) == 1


class TestEveryCommand:
    async def test_arrives_as_it_was_given_and_is_answered_to_its_giver(
        self, simcord_env, guild, general, admin, runner
    ):
        await simcord_env.restart_bot(make_adapter(runner=runner, table=COMMANDS).new_client())
        for spec in COMMANDS:
            names = [name.removesuffix("?") for name in spec.options]
            options = {name.replace("-", "_"): f"a {name}" for name in names}
            if spec.takes_file:
                options["file"] = ("a.zip", b"archive")
            result = await admin.slash(general, spec.words, **options)
            request = runner.requests[-1]
            assert request.command == spec.words
            assert request.arguments == {name: f"a {name}" for name in names}, spec.words
            assert request.actor == f"discord:{guild.id}/{admin.id}"
            assert (request.file is not None) == spec.takes_file
            assert result.response.ephemeral, spec.words
            assert result.response.content == "Done, and only you see it."


class TestAnswers:
    @pytest.mark.behaviour("command.private", "discord")
    async def test_are_deferred_and_seen_by_the_asker_alone(self, general, ada, runner):
        result = await ada.slash(general, "memory show")
        assert result.ephemeral
        assert result.response.content == "Done, and only you see it."
        assert result.response.ephemeral

    async def test_are_about_the_room(self, guild, general, ada, runner):
        await ada.slash(general, "memory show", topic="tea")
        [request] = runner.requests
        assert (request.command, request.arguments) == ("memory show", {"topic": "tea"})
        assert request.scope.agent_id == f"discord:{guild.id}/channel/{general.id}"
        assert request.actor == f"discord:{guild.id}/{ada.id}"
        assert request.actor_name == "Ada"

    async def test_in_a_thread_are_about_its_parent(self, simcord_env, guild, general, ada, runner):
        stored = simcord_env.backend.create_thread(general.id, "tea", ada.id)
        [thread] = general.threads
        await ada.slash(thread, "new")
        agent = f"discord:{guild.id}/channel/{general.id}"
        assert runner.requests[0].scope.conversation_id == f"{agent}/thread/{stored.id}"

    async def test_in_a_direct_message_are_about_the_person(self, simcord_env, runner):
        ada = simcord_env.create_user("ada")
        await ada.slash("memory show")
        [request] = runner.requests
        assert request.scope.agent_id == f"discord:*/user/{ada.id}"
        assert not request.platform_admin

    @pytest.mark.behaviour("who.user-install", "discord")
    async def test_where_the_bot_is_no_member_are_about_the_person(
        self, simcord_env, general, admin, runner, monkeypatch
    ):
        monkeypatch.setattr(simcord_env.bot, "get_guild", lambda _: None)
        await admin.slash(general, "memory show")
        [request] = runner.requests
        assert request.scope.agent_id == f"discord:*/user/{admin.id}"
        assert request.scope.audience == "private"
        assert not request.platform_admin

    async def test_know_who_manages_the_guild(self, general, ada, admin, runner):
        await ada.slash(general, "memory show")
        await admin.slash(general, "memory show")
        assert [request.platform_admin for request in runner.requests] == [False, True]

    async def test_that_are_long_come_in_parts(self, general, ada, runner):
        runner.answer = CommandAnswer(text="A line of memory.\n" * 300)
        result = await ada.slash(general, "memory show")
        parts = [result.response, *result.followups]
        assert len(parts) == 3
        assert all(part.ephemeral and len(part.content) <= 2000 for part in parts)
        assert sum(part.content.count("A line of memory.") for part in parts) == 300

    async def test_that_are_very_long_come_as_a_file(self, simcord_env, general, ada, runner):
        runner.answer = CommandAnswer(text="A line of memory.\n" * 1000)
        result = await ada.slash(general, "memory show")
        assert result.followups == []
        [file] = result.response.attachments
        assert (file.filename, file.size) == ("answer.md", 18_000)

    @pytest.mark.behaviour("how.files-out", "discord")
    async def test_bring_their_file(self, general, ada, runner):
        runner.answer = CommandAnswer(
            text="Here it is.", file=AnswerFile(name="a.zip", content=b"zip")
        )
        result = await ada.slash(general, "memory show")
        [file] = result.response.attachments
        assert (file.filename, await file.read()) == ("a.zip", b"zip")

    async def test_show_no_link_preview(self, general, ada, runner):
        runner.answer = CommandAnswer(text="https://example.org\n" * 150)
        result = await ada.slash(general, "memory show")
        parts = [result.response, *result.followups]
        assert len(parts) == 2
        assert all(part.flags.suppress_embeds for part in parts)

    async def test_ping_nobody(self, simcord_env, general, ada, runner):
        runner.answer = CommandAnswer(text="@everyone")
        result = await ada.slash(general, "memory show")
        assert "@everyone" not in result.response.content
        sent = [e for e in simcord_env.http_requests if "/webhooks/" in e.path]
        assert sent[-1].json["allowed_mentions"] == {"parse": []}

    async def test_say_the_sentence_of_a_problem(self, general, ada, runner):
        runner.failure = NotAllowed()
        result = await ada.slash(general, "memory show")
        assert result.response.content == "Only an admin may do that."

    async def test_never_show_a_traceback_nor_log_an_argument(
        self, simcord_env, general, ada, runner, caplog
    ):
        caplog.set_level(logging.DEBUG, logger="bots")
        runner.failure = KeyError("plum")
        result = await ada.slash(general, "memory search", query="plum")
        assert result.response.content.startswith("That did not work.")
        assert "KeyError" in caplog.text
        assert "plum" not in caplog.text
        assert len(simcord_env.errors) == 1


class TestTheCommandLayer:
    @pytest.fixture
    def runner(self, inbox, clock):
        info = StatusInfo(
            model="offline", is_demonstration=False, context_tokens=32768, version="0"
        )
        return build_commands(
            store=None,
            inbox=inbox,
            admins=frozenset(),
            now=clock,
            info=info,
        )

    @pytest.mark.behaviour("command.help", "discord")
    async def test_answers_help(self, general, ada):
        result = await ada.slash(general, "help")
        assert "`/memory show [topic]`" in result.response.content
        assert result.response.ephemeral

    @pytest.mark.behaviour("command.rights", "discord")
    async def test_refuses_who_is_no_admin_whatever_discord_shows(self, simcord_env):
        result = await simcord_env.create_user("ada").slash("agent reset", target="room")
        assert result.response.content == "Only an admin may do that."


class TestSuggestions:
    @pytest.mark.behaviour("command.autocomplete", "discord")
    async def test_come_from_the_command_layer(self, guild, general, ada, runner):
        runner.values = ["likes tea", "x" * 120, "plays chess"]
        offered = await ada.autocomplete(general, "memory edit", "item", "tea")
        assert [one["value"] for one in offered] == ["likes tea"]
        [request] = runner.requests
        assert (request.command, request.actor) == ("memory edit", f"discord:{guild.id}/{ada.id}")

    async def test_fit_into_what_discord_takes(self, general, ada, runner):
        runner.values = [f"{number} " + "x" * 120 for number in range(40)]
        offered = await ada.autocomplete(general, "memory edit", "item", "")
        assert len(offered) == 25
        assert all(len(one["value"]) == 100 for one in offered)


class TestForms:
    @pytest.mark.behaviour("command.modal", "discord")
    async def test_ask_for_a_longer_text_and_run_the_command_with_it(self, general, ada, runner):
        runner.written = "likes tea"
        shown = await ada.slash(general, "memory edit", item="tea")
        assert shown.modal["components"][0]["components"][0]["value"] == "likes tea"
        assert runner.requests == []
        sent = await ada.submit_modal(shown, {"text": "likes coffee"})
        [request] = runner.requests
        assert request.arguments == {"item": "tea", "text": "likes coffee"}
        assert sent.response.ephemeral

    async def test_are_not_shown_when_the_text_is_there(self, general, ada, runner):
        shown = await ada.slash(general, "memory edit", item="tea", text="likes coffee")
        assert shown.modal is None
        assert runner.requests[0].arguments == {"item": "tea", "text": "likes coffee"}

    async def test_leave_nothing_behind_in_the_client(self, simcord_env, general, ada):
        await ada.slash(general, "memory edit", item="tea")
        assert simcord_env.bot._connection._view_store._modals == {}


class TestTheMenuOfAMessage:
    @pytest.mark.behaviour("command.context-menus", "discord")
    async def test_gives_a_command_about_it(self, guild, general, ada, bob, me, runner):
        said = await bob.send(general, f"{me} the code is 4711")
        result = await ada.context_menu(general, "Remember this", said)
        [request] = runner.requests
        assert (request.command, request.actor) == (
            "memory remember",
            f"discord:{guild.id}/{ada.id}",
        )
        assert request.message.text == "the code is 4711"
        assert request.message.source_key == f"discord:{general.id}/{said.id}"
        assert request.message.author == f"discord:{guild.id}/{bob.id}"
        assert request.message.author_name == "Bob"
        assert result.response.ephemeral


class TestFiles:
    async def test_come_with_the_request(self, general, admin, runner):
        await admin.slash(general, "agent import", file=("a.zip", b"archive"))
        assert runner.requests[0].file == AnswerFile(name="a.zip", content=b"archive")

    async def test_too_large_are_not_fetched(self, general, admin, runner, monkeypatch):
        monkeypatch.setattr("bots.discord_bot.attachments._MOST_FILE_BYTES", 3)
        result = await admin.slash(general, "agent import", file=("a.zip", b"archive"))
        assert runner.requests == []
        assert "larger than" in result.response.content

    async def test_that_discord_does_not_hand_over_are_a_sentence(
        self, simcord_env, general, admin, runner, monkeypatch
    ):
        async def gone(*_):
            raise OSError

        monkeypatch.setattr(discord.Attachment, "read", gone)
        result = await admin.slash(general, "agent import", file=("a.zip", b"archive"))
        assert result.response.content == "Discord did not hand over the file; please try again."


class TestConfirmation:
    @pytest.fixture(autouse=True)
    def asks(self, runner):
        runner.answer = CommandAnswer(text="This erases 12 messages.", confirm="Erase")

    async def test_runs_the_same_request_again(self, general, admin, runner):
        result = await admin.slash(general, "agent reset", target="room")
        assert [button["label"] for button in buttons(result.response)] == ["Erase", "Cancel"]
        pressed = await admin.click(result.response, label="Erase")
        first, second = runner.requests
        assert (first.confirmed, second.confirmed) == (False, True)
        assert second.arguments == {"target": "room"}
        assert (second.scope, second.actor, second.platform_admin) == (
            first.scope,
            first.actor,
            True,
        )
        assert pressed.followups[0].content == "Erased."
        assert pressed.followups[0].ephemeral

    async def test_takes_the_buttons_away(self, general, admin):
        result = await admin.slash(general, "agent reset", target="room")
        await admin.click(result.response, label="Erase")
        assert result.response.components == []

    async def test_cancelled_runs_nothing(self, general, ada, runner):
        result = await ada.slash(general, "memory forget-me")
        await ada.click(result.response, label="Cancel")
        assert len(runner.requests) == 1
        assert result.response.content == "Nothing was changed."
        assert result.response.components == []

    @pytest.mark.behaviour("command.after-restart", "discord")
    async def test_survives_a_restart(self, simcord_env, general, ada, adapter, runner):
        result = await ada.slash(general, "memory forget-me")
        await simcord_env.restart_bot(adapter.new_client())
        await ada.click(result.response, label="Erase")
        assert runner.requests[-1].command == "memory forget-me"
        assert runner.requests[-1].confirmed

    @pytest.mark.behaviour("command.after-restart", "discord")
    async def test_too_long_for_a_button_is_kept_for_the_asker(
        self, simcord_env, general, ada, adapter, runner
    ):
        result = await ada.slash(general, "memory show", topic="long " * 30)
        await simcord_env.restart_bot(adapter.new_client())
        await ada.click(result.response, label="Erase")
        assert runner.kept[0].arguments == {"topic": "long " * 30}
        assert runner.requests[-1].arguments == {"key": "0"}
        assert runner.requests[-1].confirmed

    async def test_leads_to_other_commands_that_can_be_chosen(self, general, ada, runner):
        undo = Choice(label="Undo", command="memory undo", arguments={"id": "7"})
        runner.answer = CommandAnswer(text="Written.", choices=(undo,))
        result = await ada.slash(general, "memory show")
        await ada.click(result.response, label="Undo")
        chosen = runner.requests[-1]
        assert (chosen.command, chosen.arguments, chosen.confirmed) == (
            "memory undo",
            {"id": "7"},
            False,
        )
        assert [button["label"] for button in buttons(result.response)] == ["Undo"]

    async def test_keeps_the_file_until_the_second_step(self, general, admin, runner):
        result = await admin.slash(general, "agent import", file=("a.zip", b"archive"))
        await admin.click(result.response, label="Erase")
        assert runner.requests[1].file == AnswerFile(name="a.zip", content=b"archive")

    async def test_of_a_file_is_forgotten_after_a_quarter_of_an_hour(
        self, general, admin, runner, clock
    ):
        result = await admin.slash(general, "agent import", file=("a.zip", b"archive"))
        clock.now += timedelta(minutes=16)
        await admin.click(result.response, label="Erase")
        assert len(runner.requests) == 1
        assert "too old" in result.response.content

    @pytest.mark.behaviour("command.asker-only", "discord")
    async def test_pressed_by_somebody_else_runs_nothing(
        self, simcord_env, general, ada, bob, runner
    ):
        shown = await ada.slash(general, "memory forget-me")
        # Discord shows an ephemeral button to nobody else; here Bob gets it all the same.
        shown._interaction.ephemeral = False
        simcord_env.backend.get_message(general.id, shown.response.id).flags = 0
        pressed = await bob.click(shown.response, label="Erase")
        assert len(runner.requests) == 1
        assert pressed.response.content == "Only the person who gave the command can answer this."
        assert pressed.response.ephemeral

    async def test_leaves_nothing_behind_in_the_client(self, simcord_env, general, ada):
        await ada.slash(general, "memory forget-me")
        assert simcord_env.bot._connection._view_store._views == {}
