"""A conversation at the terminal: each line becomes an event or a command, answered in order."""

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Protocol

from ulid import ULID

from bots.adapter import AnswerFile, CommandAnswer, CommandRequest, CommandRunner, Inbox
from bots.command_table import COMMANDS
from bots.console.adapter import ConsoleAdapter
from bots.console.lines import LONGEST_LINE_CHARS, LineSource, TooLong
from bots.console.screen import Screen
from bots.places import Places
from bots.routing import Origin, clean_name, principal_key
from bots.texts import text
from bots.typed_commands import Parsed, parse, with_typed_choices
from engine.errors import BadRequest, StoreUnavailable
from engine.records import IncomingEvent, Scope
from engine.turn import TurnResult

_SPOKEN = re.compile(r"([^\W_][\w.'-]{0,39}):\s+(.*)", re.DOTALL)
_COMMAND = re.compile(r"[/!]([^\W\d_][\w-]*)(?:\s.*)?", re.DOTALL)  # and no path
_TEAM = "local"
_YES = frozenset({"y", "yes"})


class Turns(Inbox, Protocol):
    """An inbox that also tells when a turn has ended."""

    async def wait_turn(self, turn_id: str) -> TurnResult:
        """Wait until a turn that this process accepted has ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Who speaks where.

    Attributes:
        user: Name of who types.
        channel: Room of that name; None for a direct message.
        interactive: Whether a person can be asked back.
    """

    user: str
    channel: str | None = None
    interactive: bool = False
    locale: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a conversation works with; ``settle`` returns when due replies have been shown."""

    turns: Turns
    commands: CommandRunner
    adapter: ConsoleAdapter
    screen: Screen
    places: Places
    settle: Callable[[], Awaitable[None]]
    now: Callable[[], datetime]


def user_id(name: str) -> str:
    """A name as the id it has at the terminal: lower case, no blanks or slashes."""
    return re.sub(r"[\s/]+", "-", name.strip().casefold()) or "you"


def spoken(line: str, setting: Setting) -> tuple[str, str]:
    """Who says what: in a room a line ``NAME: text`` sets the speaker."""
    found = _SPOKEN.fullmatch(line) if setting.channel else None
    return (found.group(1), found.group(2)) if found else (setting.user, line)


def command_in(said: str) -> str | None:
    """What follows the ``/`` of a line, or the ``!`` before a known command, else None."""
    firsts = {spec.words.split()[0] for spec in COMMANDS} | {"quit", "exit"}
    found = _COMMAND.fullmatch(said)
    if found is None or (said[0] == "!" and found[1].lower() not in firsts):
        return None
    return said[1:].strip()


class Chat:
    """Takes lines until the end of input, ``/quit``, or nobody reads.

    Args:
        desk: What it works with.
        setting: Who speaks where.
        lines: Where lines come from.
    """

    def __init__(self, desk: Desk, setting: Setting, lines: LineSource) -> None:
        self._desk = desk
        self._setting = setting
        self._lines = lines
        self._current: Scope | None = None

    async def run(self) -> None:
        """Converse until the end."""
        await self._desk.settle()
        while self._desk.adapter.connected:
            line = await self._lines.next()
            if line is None or not await self._take(line):
                return

    def interrupt(self) -> bool:
        """Stop the answer that is being worked on; whether there was one."""
        if self._current is None:
            return False
        self._stopping = asyncio.ensure_future(self._desk.turns.stop(self._current))
        return True

    async def _take(self, line: str | TooLong) -> bool:
        """One line; False when it ends the conversation."""
        if isinstance(line, TooLong):
            self._refuse(self._setting.user)
            return True
        speaker, said = spoken(line, self._setting)
        if not said.strip():
            return True
        typed = command_in(said)
        if typed in {"quit", "exit"}:
            return False
        if typed is not None:
            await self._command(speaker, typed)
        else:
            await self._say(speaker, said)
        return True

    def _refuse(self, speaker: str) -> None:
        sentence = text(self._setting.locale, "terminal.too_long", most=LONGEST_LINE_CHARS)
        self._desk.screen.refused(speaker, sentence)

    async def _say(self, speaker: str, said: str) -> None:
        if self._desk.places.rules_for(self._origin(speaker)).mode == "off":
            self._desk.screen.refused(speaker, text(self._setting.locale, "mode.off"))
            return
        event = self._event(speaker, said)
        async with self._desk.adapter.handing_over:
            acceptance = await self._desk.turns.submit(event)
            turn_id = acceptance.turn_id if acceptance.outcome == "queued" else None
            if turn_id:
                self._desk.screen.expect(turn_id, speaker, event.scope.agent_id)
        if turn_id:
            await self._finish(event.scope, turn_id)
        await self._desk.settle()

    async def _finish(self, scope: Scope, turn_id: str) -> None:
        self._current = scope
        try:
            result = await self._desk.turns.wait_turn(turn_id)
        finally:
            self._current = None
        if result.state == "running":
            raise StoreUnavailable
        self._desk.screen.turn_ended(result)

    async def _command(self, speaker: str, typed: str) -> None:
        try:
            parsed = parse(typed, COMMANDS, self._setting.locale)
        except BadRequest as problem:
            self._desk.screen.command_answer(typed, speaker, problem.sentence)
            return
        request = self._request(speaker, parsed)
        async with self._desk.adapter.handing_over:
            answer = await self._desk.commands.run(request)
            if answer.turn_id:
                self._desk.screen.expect(answer.turn_id, speaker, request.scope.agent_id)
        if answer.confirm and self._setting.interactive:
            answer = await self._second_step(replace(request, confirmed=True), answer)
        shown = await asyncio.to_thread(_plain, answer, self._setting.locale)
        self._desk.screen.command_answer(parsed.spec.words, speaker, shown)
        if answer.turn_id:
            await self._finish(request.scope, answer.turn_id)
            await self._desk.settle()

    async def _second_step(self, request: CommandRequest, asked: CommandAnswer) -> CommandAnswer:
        """Ask back, and carry on only with a yes."""
        say = partial(text, self._setting.locale)
        self._desk.screen.notice(f"{asked.text}\n{asked.confirm}? {say('terminal.type_yes')}")
        line = await self._lines.next()
        if isinstance(line, str) and line.strip().lower() in _YES:
            return await self._desk.commands.run(request)
        return CommandAnswer(text=say("terminal.cancelled"))

    def _event(self, speaker: str, said: str) -> IncomingEvent:
        event_id = str(ULID.from_datetime(self._desk.now()))
        scope = self._scope(speaker)
        room = self._setting.channel
        return IncomingEvent(
            event_id=f"console:{event_id}",
            source_key=f"console:{room or user_id(speaker)}/{event_id}",
            scope=scope,
            place=scope.agent_id,
            place_name=f"#{room}" if room else "terminal",
            address=json.dumps({"user": user_id(speaker), "channel": room}),
            speaker_name=clean_name(speaker),
            text=said,
            sent_at=self._desk.now(),
        )

    def _request(self, speaker: str, parsed: Parsed) -> CommandRequest:
        return CommandRequest(
            command=parsed.spec.words,
            arguments=parsed.arguments,
            scope=self._scope(speaker),
            origin=self._origin(speaker),
            actor=principal_key("console", _TEAM, user_id(speaker)),
            actor_name=speaker,
            platform_admin=True,  # whoever is at the terminal can read the database as well
            confirmed=parsed.confirmed,
            locale=self._setting.locale,
        )

    def _scope(self, speaker: str) -> Scope:
        return self._desk.places.scope_of(self._origin(speaker))

    def _origin(self, speaker: str) -> Origin:
        room = user_id(self._setting.channel) if self._setting.channel else None
        return Origin(platform="console", team=_TEAM, user=user_id(speaker), room=room)


def _plain(answer: CommandAnswer, locale: str) -> str:
    shown = with_typed_choices(answer, "/", locale)
    return f"{shown}\n{_written(answer.file, locale)}" if answer.file else shown


def _written(file: AnswerFile, locale: str) -> str:
    """Write a file into the folder where the terminal is; under another name if that is taken."""
    name = Path(file.name)
    for number in count(1):
        path = name.with_stem(f"{name.stem}-{number}") if number > 1 else name
        try:
            with open(path, "xb", opener=partial(os.open, mode=0o600)) as written:
                written.write(file.content)
        except FileExistsError:
            continue
        except OSError as error:
            return text(locale, "terminal.no_file", name=file.name, why=error.strerror)
        return text(locale, "terminal.file", file=path)
    raise AssertionError
