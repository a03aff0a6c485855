"""Forms that ask for a longer text; the command they complete is in them."""

import json
from collections.abc import Mapping
from typing import Any

from bots.adapter import CommandRequest, CommandSpec
from bots.slack_bot.answers import Asker
from bots.texts import summary

FORM = "membot_form"
_FIELD = "membot_text"
# https://docs.slack.dev/reference/views and .../block-elements/plain-text-input-element
_TITLE_CHARS = 24
_LABEL_CHARS = 2_000
_TEXT_CHARS = 3_000


def form(asker: Asker, request: CommandRequest, spec: CommandSpec, written: str) -> dict[str, Any]:
    """A form for what a command lacks.

    Args:
        asker: Where the answer goes.
        request: The command as far as it was given.
        spec: Its row of the table.
        written: What stands in the field at first.
    """
    field = {
        "type": "plain_text_input",
        "action_id": _FIELD,
        "multiline": True,
        "max_length": _TEXT_CHARS,
        "initial_value": written[:_TEXT_CHARS],
    }
    label = _plain(summary(request.locale, spec)[:_LABEL_CHARS])
    back = {
        "command": request.command,
        "arguments": dict(request.arguments),
        "option": spec.form,
        "channel": asker.channel,
        "room": asker.room,
        "thread": asker.thread,
        "at_home": asker.at_home,
    }
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": json.dumps(back, ensure_ascii=False),
        "title": _plain(spec.words[:_TITLE_CHARS]),
        "submit": _plain(request.say("form.save")),
        "close": _plain(request.say("answer.cancel")),
        "blocks": [
            {
                "type": "input",
                "block_id": _FIELD,
                "label": label,
                "element": field,
                "optional": True,
            }
        ],
    }


def filled_in(payload: Mapping[str, Any]) -> tuple[Asker, str, dict[str, str]]:
    """Who filled a form in, the command, and its arguments with what was written."""
    view = payload["view"]
    back = json.loads(view["private_metadata"])
    asker = Asker(
        team=str(payload["team"]["id"]),
        user=str(payload["user"]["id"]),
        channel=back["channel"],
        room=back["room"],
        thread=back["thread"],
        at_home=back["at_home"],
    )
    written = str(view["state"]["values"][_FIELD][_FIELD]["value"] or "")
    return asker, back["command"], {**back["arguments"], back["option"]: written}


def _plain(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}
