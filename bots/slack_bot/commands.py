"""Commands in: ``/membot``, ``!`` words and buttons become one kind of request."""

import json
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bots.adapter import (
    AnswerFile,
    CommandAnswer,
    CommandRequest,
    CommandRunner,
    CommandSpec,
    PointedMessage,
)
from bots.choices import choices_of
from bots.places import Places
from bots.routing import Origin, principal_key
from bots.slack_bot.address import source_key
from bots.slack_bot.answers import ANYONE, CANCEL, MOST_CHARS, Answers, Asker
from bots.slack_bot.background import Background
from bots.slack_bot.calls import SlackCalls
from bots.slack_bot.directory import Directory
from bots.slack_bot.events import SlackMessage
from bots.slack_bot.forms import filled_in, form
from bots.slack_bot.home import home
from bots.slack_bot.recent import Recent
from bots.slack_bot.render import people_in, readable
from bots.texts import text
from bots.typed_commands import parse, words_of
from engine.errors import BadRequest, DeliveryError, MembotError

SLASH = "/membot"
_KEPT = 2_000
_ID_OPTIONS = {"who", "person"}  # in which a mention means whom, not what they are called


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What commands are run, looked up and answered with."""

    runner: CommandRunner
    table: Sequence[CommandSpec]
    directory: Directory
    places: Places
    answers: Answers
    calls: SlackCalls
    background: Background


class Commands:
    """Runs commands beside the event that brought them, so that it is acknowledged in time."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._taken: Recent[str, bool] = Recent(_KEPT)

    def take_words(self, message: SlackMessage, text: str) -> bool:
        """Run ``!memory show``; whether the text was a command, which no inbox should see."""
        typed = words_of(text)
        if typed is None:
            return False
        if self._first(message.source_key):  # twins and repeats do not run it again
            self._start(self._asker_of(message), self._run_typed(self._asker_of(message), typed))
        return True

    def take_slash(self, payload: Mapping[str, Any]) -> None:
        """Run ``/membot memory show``."""
        channel = str(payload["channel_id"])
        asker = Asker(
            team=str(payload["team_id"]),
            user=str(payload["user_id"]),
            channel=channel,
            room=None if channel.startswith("D") else channel,
            response_url=payload.get("response_url"),
            trigger=payload.get("trigger_id"),
        )
        self._start(asker, self._run_typed(asker, str(payload.get("text") or "")))

    def take_button(self, payload: Mapping[str, Any]) -> None:
        """Carry on with a request that waited for its second step."""
        action = payload["actions"][0]
        value = json.loads(action["value"])
        confirmed = value.get("confirmed", True)  # buttons of older versions were all second steps
        asker = Asker(
            team=value["team"],
            user=str(payload["user"]["id"]),
            channel=str((payload.get("channel") or {}).get("id") or payload["user"]["id"]),
            room=value["room"],
            thread=value["thread"],
            response_url=payload.get("response_url"),
            replaces=confirmed and value["user"] != ANYONE,
            file=tuple(value["file"]) if value.get("file") else None,
            trigger=payload.get("trigger_id"),
            at_home=payload["container"]["type"] == "view",
        )
        if value["user"] not in {ANYONE, asker.user} or payload["team"]["id"] != value["team"]:
            self._start(asker, self._refuse(asker))
        elif not confirmed or self._first(f"{asker.channel}/{_pressed_in(payload)}"):
            self._start(asker, self._press(asker, action["action_id"], value, confirmed=confirmed))

    def take_shortcut(self, payload: Mapping[str, Any]) -> None:
        """Run a command of a message's menu."""
        channel, message = str(payload["channel"]["id"]), payload["message"]
        thread = message.get("thread_ts")
        asker = Asker(
            team=str(payload["team"]["id"]),
            user=str(payload["user"]["id"]),
            channel=channel,
            room=None if channel.startswith("D") else channel,
            thread=thread if thread != message["ts"] else None,
            response_url=payload.get("response_url"),
        )
        self._start(asker, self._run_pointed(asker, payload["callback_id"], message))

    async def _run_pointed(self, asker: Asker, command: str, message: Mapping[str, Any]) -> None:
        user, said = str(message.get("user") or ""), str(message.get("text") or "")
        directory = self._surface.directory
        names = await directory.names([user, *people_in(said)])
        pointed = PointedMessage(
            source_key=source_key(asker.team, asker.channel, message["ts"]),
            author=None if message.get("bot_id") else principal_key("slack", asker.team, user),
            author_name=names[user],
            text=readable(said, names),
            sent_at=datetime.fromtimestamp(float(message["ts"]), UTC),
        )
        request = await self._request(asker, command, {}, confirmed=False)
        outsider = request.outsider or (
            not message.get("bot_id") and await directory.is_guest(user)
        )
        await self._answer(asker, replace(request, message=pointed, outsider=outsider))

    def _start(self, asker: Asker, work: Coroutine[Any, Any, None]) -> None:
        async def failed(error_id: str) -> None:
            sorry = await self._said(asker, "answer.failed", error_id=error_id)
            await self._surface.answers.say(asker, sorry)

        self._surface.background.start(work, failed)

    def _asker_of(self, message: SlackMessage) -> Asker:
        return Asker(
            team=message.team,
            user=message.user,
            channel=message.channel,
            room=None if message.direct else message.channel,
            thread=message.thread_ts,
            file=next(((file.name, file.url) for file in message.attachments), None),
        )

    async def _run_typed(self, asker: Asker, typed: str) -> None:
        locale = await self._surface.directory.locale(asker.user)
        try:
            parsed = parse(typed, self._surface.table, locale)
        except BadRequest as problem:
            await self._surface.answers.say(asker, problem.sentence)
            return
        names = await self._surface.directory.names(people_in(typed))
        arguments = {
            name: value if name in _ID_OPTIONS else readable(value, names)
            for name, value in parsed.arguments.items()
        }
        await self._run(asker, parsed.spec.words, arguments, confirmed=parsed.confirmed)

    async def _press(
        self, asker: Asker, action_id: str, value: Mapping[str, Any], *, confirmed: bool
    ) -> None:
        if action_id == CANCEL:
            await self._surface.answers.say(
                asker, await self._said(asker, "answer.nothing_changed")
            )
        else:
            await self._run(asker, value["command"], value["arguments"], confirmed=confirmed)

    async def _refuse(self, asker: Asker) -> None:
        """Tell whoever pressed, and leave the asker's message alone."""
        stranger = Asker(team=asker.team, user=asker.user, channel=asker.channel)
        await self._surface.answers.say(stranger, await self._said(stranger, "answer.not_yours"))

    async def _said(self, asker: Asker, key: str, **values: str) -> str:
        return text(await self._surface.directory.locale(asker.user), key, **values)

    async def _opened_form(self, asker: Asker, request: CommandRequest) -> bool:
        """Whether a form asks for what the command lacks; else it is run as it is."""
        spec = next((one for one in self._surface.table if one.words == request.command), None)
        if spec is None or not spec.form or not asker.trigger or spec.form in request.arguments:
            return False
        written = await self._surface.runner.form_text(request)
        if written is None:
            return False
        view = form(asker, request, spec, written)
        try:
            await self._surface.calls.post(
                "views.open", {"trigger_id": asker.trigger, "view": view}
            )
        except DeliveryError:
            return False
        return True

    def take_form(self, payload: Mapping[str, Any]) -> None:
        """Run the command whose form was filled in."""
        asker, command, arguments = filled_in(payload)
        self._start(asker, self._run(asker, command, arguments, confirmed=False))

    def take_home(self, payload: Mapping[str, Any]) -> None:
        """Show somebody their memory in App Home."""
        asker = Asker(
            team=str(payload["team_id"]),
            user=str(payload["event"]["user"]),
            channel=str(payload["event"]["user"]),
        )
        self._start(asker, self._show_home(asker))

    async def _show_home(self, asker: Asker) -> None:
        request = await self._request(asker, "memory forget", {}, confirmed=False)
        lines = await self._surface.runner.suggest(request, "item", "")
        body = {"user_id": asker.user, "view": home(asker, request.locale, lines)}
        await self._surface.calls.post("views.publish", body)

    async def _run(
        self, asker: Asker, command: str, arguments: Mapping[str, str], *, confirmed: bool
    ) -> None:
        request = await self._request(asker, command, arguments, confirmed=confirmed)
        if not await self._opened_form(asker, request):
            await self._answer(asker, request)
        if asker.at_home:
            await self._show_home(asker)

    async def _answer(self, asker: Asker, request: CommandRequest) -> None:
        try:
            if asker.file and self._takes_file(request.command):
                name, url = asker.file
                content = await self._surface.calls.fetch_file(url)
                request = replace(request, file=AnswerFile(name=name, content=content))
            answer = await self._surface.runner.run(request)
        except MembotError as problem:
            answer = CommandAnswer(text=problem.sentence)
        choices = await choices_of(self._surface.runner, request, answer, MOST_CHARS)
        await self._surface.answers.show(asker, answer, choices, request.locale)

    async def _request(
        self, asker: Asker, command: str, arguments: Mapping[str, str], *, confirmed: bool
    ) -> CommandRequest:
        origin = Origin(
            platform="slack",
            team=asker.team,
            user=asker.user,
            room=asker.room,
            thread=asker.thread,
        )
        origin = await self._surface.directory.located(origin, self._surface.places)
        return CommandRequest(
            command=command,
            arguments=arguments,
            scope=self._surface.places.scope_of(origin),
            origin=origin,
            actor=principal_key("slack", asker.team, asker.user),
            actor_name=await self._surface.directory.name(asker.user),
            platform_admin=await self._surface.directory.is_admin(asker.user, asker.team),
            confirmed=confirmed,
            site=self._surface.calls.site,
            locale=await self._surface.directory.locale(asker.user),
            outsider=await self._is_outsider(asker),
        )

    async def _is_outsider(self, asker: Asker) -> bool:
        directory = self._surface.directory
        elsewhere = asker.room is not None and await directory.is_outside(asker.room)
        return elsewhere or await directory.is_guest(asker.user)

    def _takes_file(self, command: str) -> bool:
        return any(spec.takes_file for spec in self._surface.table if spec.words == command)

    def _first(self, key: str) -> bool:
        seen = key in self._taken
        self._taken.put(key, True)
        return not seen


def _pressed_in(payload: Mapping[str, Any]) -> str:
    """The message that a second step is taken in, once; App Home has none."""
    return str(payload["container"].get("message_ts") or payload["actions"][0]["action_ts"])
