"""Command answers out: only the asker sees them, whichever way still works."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bots.adapter import AnswerFile, Choice, CommandAnswer
from bots.replies import WHOLE_REPLY
from bots.slack_bot.calls import SlackCalls
from bots.slack_bot.render import split_text, without_pings
from bots.texts import text
from engine.errors import DeliveryError

ANYONE = ""  # in the place of whose button it is
CONFIRM = "membot_confirm"
CANCEL = "membot_cancel"
CHOICE = "membot_choice"
_MOST_PARTS = 4  # a response_url may be used five times
FALLBACK_CHARS = 2_000
_BUTTON_CHARS = 2_000
MOST_CHARS = 1_500  # of a command in a button
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asked, and where an answer reaches nobody else.

    Attributes:
        room: Channel of the command's scope; None in direct messages.
        thread: Thread of the command's scope.
        response_url: Slack's own way back, for about 30 minutes.
        replaces: Whether the answer takes the place of the message with the button.
        file: Name and address of a file that came with the command.
        trigger: With which a form can be opened, for three seconds.
        at_home: Whether the button was one of App Home.
    """

    team: str
    user: str
    channel: str
    room: str | None = None
    thread: str | None = None
    response_url: str | None = None
    replaces: bool = False
    file: tuple[str, str] | None = None
    trigger: str | None = None
    at_home: bool = False


class Answers:
    """Shows a command's answer to its asker."""

    def __init__(self, calls: SlackCalls) -> None:
        self._calls = calls

    async def show(
        self, asker: Asker, answer: CommandAnswer, choices: Sequence[Choice], locale: str
    ) -> None:
        """Send the text in parts, the buttons, the file."""
        buttons = _buttons(asker, answer, choices, locale)
        shown = answer.text
        if answer.file is not None:
            shown += await self._file_notice(asker, answer.file, locale)
        parts = split_text(shown) or [text(locale, "answer.done")]
        if len(parts) > _MOST_PARTS:
            whole = AnswerFile(name=WHOLE_REPLY, content=answer.text.encode())
            parts = [parts[0], await self._file_notice(asker, whole, locale)]
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            await self.say(asker, part, buttons if last else (), first=number == 0)

    async def say(
        self,
        asker: Asker,
        sentence: str,
        buttons: tuple[Mapping[str, Any], ...] = (),
        *,
        first: bool = True,
    ) -> None:
        """Send one message that only the asker sees."""
        shown = without_pings(sentence).strip()
        body = {
            "text": shown[:FALLBACK_CHARS],
            "blocks": [{"type": "markdown", "text": shown}, *buttons],
        }
        for way in self._ways(asker, body, first=first):
            try:
                await way()
            except DeliveryError as error:
                _log.info(
                    "A way to answer failed: %s", error.sentence, extra={"action": "slack.answer"}
                )
            else:
                return

    def _ways(
        self, asker: Asker, body: dict[str, Any], *, first: bool
    ) -> list[Callable[[], Awaitable[object]]]:
        where = {"channel": asker.channel, "user": asker.user}
        if asker.thread:
            where["thread_ts"] = asker.thread
        quiet = {"unfurl_links": False, "unfurl_media": False}
        ways: list[Callable[[], Awaitable[object]]] = [
            lambda: self._calls.post("chat.postEphemeral", {**where, **body}),
            lambda: self._calls.post("chat.postMessage", {"channel": asker.user, **quiet, **body}),
        ]
        url = asker.response_url
        if url:
            kind = {"response_type": "ephemeral", "replace_original": asker.replaces and first}
            ways.insert(0, lambda: self._calls.respond(url, {**kind, **body}))
        return ways

    async def _file_notice(self, asker: Asker, file: AnswerFile, locale: str) -> str:
        try:
            await self._calls.send_file(asker.user, file)
        except DeliveryError as error:
            told = text(locale, "answer.file_unsent", name=file.name, why=error.sentence)
        else:
            told = text(locale, "answer.file_sent", name=file.name)
        return f"\n\n_{told}_"


def _buttons(
    asker: Asker, answer: CommandAnswer, choices: Sequence[Choice], locale: str
) -> tuple[Mapping[str, Any], ...]:
    """What can be pressed; the request travels in the button, so a restart loses nothing."""
    buttons = _choice_buttons(asker, choices[:-1] if answer.confirm else choices)
    if answer.confirm:
        value = _value(asker, choices[-1], asker.file)
        cancel = replace(choices[-1], label=text(locale, "answer.cancel"), danger=False)
        buttons += [_button(CONFIRM, choices[-1], value), _button(CANCEL, cancel, value)]
    return _row(buttons)


def row_for_anyone(place: Asker, choices: Sequence[Choice]) -> tuple[Mapping[str, Any], ...]:
    """Buttons for whoever is at a place; nothing without any."""
    return choice_row(replace(place, user=ANYONE), choices)


def choice_row(asker: Asker, choices: Sequence[Choice]) -> tuple[Mapping[str, Any], ...]:
    """Buttons for the asker alone; nothing without any."""
    return _row(_choice_buttons(asker, choices))


def _choice_buttons(asker: Asker, choices: Sequence[Choice]) -> list[dict[str, Any]]:
    return [
        _button(f"{CHOICE}_{number}", choice, _value(asker, choice))
        for number, choice in enumerate(choices)
    ]


def _row(buttons: Sequence[dict[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    fitting = [button for button in buttons if len(button["value"]) <= _BUTTON_CHARS]
    return ({"type": "actions", "elements": fitting},) if fitting else ()


def _value(asker: Asker, choice: Choice, file: tuple[str, str] | None = None) -> str:
    return json.dumps(
        {
            "command": choice.command,
            "arguments": dict(choice.arguments),
            "confirmed": choice.confirmed,
            "team": asker.team,
            "user": asker.user,
            "room": asker.room,
            "thread": asker.thread,
            "file": file,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _button(action: str, choice: Choice, value: str) -> dict[str, Any]:
    label = {"type": "plain_text", "text": choice.label[:75]}
    button = {"type": "button", "action_id": action, "text": label, "value": value}
    return button | {"style": "danger"} if choice.danger else button
