"""Pictures of the messages that a turn answers, for a model that sees; they are never stored.

What stays in memory is the name in the message's envelope.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from engine.chat_model import Sight
from engine.context_window import Fill
from engine.errors import BadRequest, DeliveryDelayed
from engine.records import Attachment, Message, Scope
from engine.store import DocumentStore

# Bytes of a platform's file: the platform, the file, and the most bytes to take.
Fetch = Callable[[str, Attachment, int], Awaitable[bytes]]
# The most that one takes. Source: https://platform.openai.com/docs/guides/images-vision.
PICTURE_TOKENS: Final = 1_105
_MOST_PICTURES: Final = 4
# How the kinds that providers take begin; a broken file would be refused with all the rest.
_KINDS: Final = {
    "image/png": b"\x89PNG\r\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
_PATIENCE_SECONDS: Final = 15.0


class Pictures:
    """Gets pictures from their platform.

    Args:
        store: Knows which there are.
        fetch: Gets a file from its platform.
        max_bytes: Of one picture; a larger one is a name only.
    """

    def __init__(self, store: DocumentStore, fetch: Fetch, max_bytes: int) -> None:
        self._store = store
        self._fetch = fetch
        self._max_bytes = max_bytes

    async def of(self, scope: Scope, asked: Sequence[Message]) -> Sight | None:
        """What the model may see of the messages it answers; None when there is nothing."""
        keys = [message.source_key for message in asked if message.source_key]
        found = await self._store.pictures(scope, keys)
        fitting = [
            one for one in found if one.media_type in _KINDS and one.size_bytes <= self._max_bytes
        ]
        urls = [await self._url(scope, one) for one in fitting[:_MOST_PICTURES]]
        seen = tuple(url for url in urls if url)
        return Sight(entry=asked[-1].payload, urls=seen) if seen else None

    async def _url(self, scope: Scope, picture: Attachment) -> str:
        """The picture itself as an address, or ``""`` when it is not to be had in time."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                data = await self._fetch(scope.platform, picture, self._max_bytes)
        except (BadRequest, DeliveryDelayed, TimeoutError):
            return ""
        if not data.startswith(_KINDS[picture.media_type]):
            return ""
        return f"data:{picture.media_type};base64,{base64.b64encode(data).decode()}"


def fitting(sight: Sight | None, fill: Fill) -> Sight | None:
    """As many pictures as the window has room for."""
    room = max(0, fill.limit_tokens - fill.used_tokens) // PICTURE_TOKENS
    if sight is None or not room:
        return None
    return Sight(entry=sight.entry, urls=sight.urls[:room])
