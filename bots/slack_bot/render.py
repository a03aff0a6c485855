"""Text in both directions; pure.

In: Slack's markup becomes what people read. Out: Markdown stays Markdown, and nothing in it pings.
"""

import re
from collections.abc import Mapping
from typing import Any

from bots.replies import IN_THE_FILE, MOST_PARTS, split_markdown
from bots.routing import clean_name

PART_CHARS = 12_000
_BREAK = "\u200b"  # keeps the word readable and the ping unparsed
_OPENING = r"(<|&lt;|&#0*60;|&#x0*3c;)"
_TOKEN_PING = re.compile(
    _OPENING + r"(?=\\*(?:!\\*(?:channel|here|everyone|group|subteam)|@\\*[UWB]))", re.IGNORECASE
)
_WORD_PING = re.compile(r"(?<!\w)@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)
_TOKEN = re.compile(r"<([^<>\n]+)>")
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")


def without_pings(text: str) -> str:
    """Break every sequence that Slack turns into a notification; harmless to do twice."""
    return _WORD_PING.sub("@" + _BREAK, _TOKEN_PING.sub(r"\1" + _BREAK, text))


def people_in(text: str) -> list[str]:
    """Ids of the people a message names, each once, in order."""
    return list(dict.fromkeys(_PERSON.findall(text)))


def without_mention(text: str, bot_user: str) -> str:
    """The message without the words that address the bot."""
    mention = rf"<@{re.escape(bot_user)}(?:\|[^<>]*)?>"
    text = re.sub(rf"^\s*(?:{mention}[ \t]*[,:]?\s*)+", "", text)
    return re.sub(rf"[ \t]*{mention}", "", text).strip()


def readable(text: str, names: Mapping[str, str]) -> str:
    """What people see of a message: names, channels and links instead of markup.

    Args:
        text: As the event has it.
        names: Display names by user id; an unknown id stays an id.
    """
    shown = _TOKEN.sub(lambda found: _shown(found.group(1), names), text)
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def display_name(record: Mapping[str, Any]) -> str:
    """What people call the person of a user record, as data; ``""`` when it does not say."""
    profile = record.get("profile") or {}
    candidates = (profile.get("display_name"), profile.get("real_name"), record.get("name"))
    return next((clean_name(name) for name in candidates if name), "")


def _shown(token: str, names: Mapping[str, str]) -> str:
    target, _, label = token.partition("|")
    if target.startswith("@"):
        return "@" + (names.get(target[1:]) or label.lstrip("@") or target[1:])
    if target.startswith("#"):
        return "#" + (label or target[1:])
    if target.startswith("!"):
        return label or "@" + target[1:].split("^")[0]
    return _link(target, label)


def _link(target: str, label: str) -> str:
    bare = target.removeprefix("mailto:").removeprefix("tel:")
    if not label or label in (target, bare, re.sub(r"^https?://", "", target)):
        return bare
    return f"{label} ({bare})"


def split_text(text: str) -> list[str]:
    """Cut Markdown into parts that Slack takes, pings broken first."""
    return split_markdown(without_pings(text), PART_CHARS)


def reply_parts(text: str) -> list[str]:
    """The parts of a reply; of one that takes too many, the first and the words to its file."""
    return [split_text(text)[0], IN_THE_FILE.strip()] if is_too_long(text) else split_text(text)


def is_too_long(text: str) -> bool:
    """Whether a reply takes so many parts that people would rather have a file."""
    return len(text) > PART_CHARS and len(split_text(text)) > MOST_PARTS
