"""One part of a reply as one Discord message, and Discord's refusals sorted: later or never."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import aiohttp
import discord

from bots.adapter import AnswerFile
from bots.discord_bot.answers import drawn, upload, view_of
from bots.discord_bot.confirmations import ANYONE, Asked, Button
from bots.discord_bot.render import is_too_long
from bots.replies import WHOLE_REPLY
from engine.errors import DeliveryDelayed, DeliveryRefused
from engine.records import OutboxItem

NONCE_CHARS = 25
_LATER = (
    HTTPStatus.UNAUTHORIZED,  # the token was changed: the adapter says so, the reply waits
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
)
_WHY: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "Discord does not let the bot write there",
    HTTPStatus.NOT_FOUND: "The channel is gone, or the bot is no longer in it",
}


async def send_part(client: discord.Client, item: OutboxItem, part: str, number: int) -> str:
    """Send one part; the id of the message.

    Raises:
        DeliveryDelayed: Worth another try later.
        DeliveryRefused: Never will be.
    """
    channel_id = channel_of(item.address)
    if channel_id is None:
        raise DeliveryRefused("The reply has no Discord channel to go to.")
    channel = client.get_partial_messageable(channel_id)
    with delivery_errors():
        message = await channel.send(
            part,
            nonce=nonce_of(item, number),
            silent=item.kind == "pressure",
            reference=None if number else reference_of(item),  # type: ignore[arg-type]
            allowed_mentions=allowed_mentions(item),
            suppress_embeds=True,
            view=buttons_of(item),  # type: ignore[arg-type] # None is its default
            files=attached(item),
        )
    return str(message.id)


def channel_of(address: str) -> int | None:
    """The channel, thread or direct message that an address names."""
    try:
        return int(json.loads(address)["channel"])
    except (ValueError, TypeError, KeyError):
        return None


def question_of(address: str) -> int | None:
    """The message that is answered, in its channel or in the thread that was opened from it."""
    named = json.loads(address)
    number = named.get("message") or named.get("opened_from")
    return int(number) if number else None


def nonce_of(item: OutboxItem, number: int) -> str:
    """What makes a repeat of this part recognisable to Discord."""
    nonce = f"{item.nonce}.{number}" if number else item.nonce
    if len(nonce) <= NONCE_CHARS:
        return nonce
    return hashlib.sha256(nonce.encode()).hexdigest()[:NONCE_CHARS]


@contextmanager
def delivery_errors() -> Iterator[None]:
    """Turns whatever a request to Discord raises into a delivery error with one sentence."""
    try:
        yield
    except discord.RateLimited as limited:
        raise DeliveryDelayed("Discord asks to wait.", limited.retry_after) from limited
    except discord.HTTPException as refused:
        raise _sorted_out(refused) from refused
    except (aiohttp.ClientError, OSError) as broken:
        raise DeliveryDelayed("Discord cannot be reached.") from broken
    except RuntimeError as closed:  # aiohttp, when its session was closed meanwhile
        raise DeliveryDelayed("The connection to Discord was closed.") from closed


def _sorted_out(refused: discord.HTTPException) -> DeliveryDelayed | DeliveryRefused:
    status = refused.status
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DeliveryDelayed(f"Discord answered {status}.", _retry_after(refused))
    why = _WHY.get(status, "Discord does not take this message")
    return DeliveryRefused(f"{why} ({status}, code {refused.code}).")


def _retry_after(refused: discord.HTTPException) -> float | None:
    try:
        return float(refused.response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def attached(item: OutboxItem) -> list[discord.File]:
    """The file that goes with a reply, and the whole of one that is too long for messages."""
    files = [upload(item.file)] if item.file else []
    if is_too_long(item.text):
        files.append(upload(AnswerFile(name=WHOLE_REPLY, content=item.text.encode())))
    return files


def reference_of(item: OutboxItem) -> discord.MessageReference | None:
    """The message that is answered, but by lines that answer nobody."""
    return None if item.kind == "pressure" else reply_to(item.address)


def reply_to(of: str) -> discord.MessageReference | None:
    """The message that an address names, where it names one."""
    address = json.loads(of)
    if "message" not in address:
        return None
    return discord.MessageReference(
        message_id=int(address["message"]),
        channel_id=int(address["channel"]),
        fail_if_not_exists=False,
    )


def buttons_of(item: OutboxItem) -> discord.ui.View | None:
    """For whoever is there; one whose command does not fit would not outlive a restart."""
    made = [(choice, Button.of(Asked.by(choice), ANYONE)) for choice in item.choices]
    return view_of(
        [
            drawn(choice.label, button, danger=choice.danger)
            for choice, button in made
            if button.fits
        ]
    )


def allowed_mentions(item: OutboxItem) -> discord.AllowedMentions:
    """Nobody but the person answered, whatever the model wrote."""
    allowed = discord.AllowedMentions.none()
    allowed.replied_user = True
    person = (item.scope.speaker or "").rpartition("/")[2]
    if person.isdecimal():
        allowed.users = [discord.Object(int(person))]
    return allowed
