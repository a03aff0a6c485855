"""The demonstration brain: a ChatModel without a language model, for a first try without a key.

It drives the same tools through the same calls as any model, quotes what memory returns, and says
in its first reply that it is a demonstration.
"""

import json
import secrets
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from engine.chat_model import ModelReply, ModelRequest, ToolCall
from engine.offline.answering import Move, next_moves
from engine.offline.extracts import extract_summary
from engine.offline.listening import listen
from engine.offline.routing import MeaningRouter
from engine.offline.scene import read_scene
from engine.records import TokenUsage

if TYPE_CHECKING:
    from engine.offline.routing import Embed

_NAME: Final = "offline-demonstration"


class OfflineChatModel:
    """Answers by rules; sees only the request, keeps nothing, never fails.

    Args:
        embed: The embedder's vectors of queries, for what the rules do not understand.
    """

    name = _NAME
    is_demonstration = True

    tools_as_text = False

    def __init__(self, embed: "Embed | None" = None) -> None:
        self._router = MeaningRouter(embed) if embed else None

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The next calls of a turn, or an extractive summary."""
        usage = TokenUsage(model=_NAME, purpose=request.purpose)
        tools = {spec.name for spec in request.tools}
        if not tools:
            return ModelReply(content=extract_summary(request), usage=usage)
        memory = request.purpose == "memory"
        moves = _nothing_to_rethink() if memory else await self._moves(request, tools)
        calls = tuple(
            ToolCall(
                id=f"offline_{secrets.token_hex(8)}",
                name=name,
                arguments=json.dumps(arguments, ensure_ascii=False),
            )
            for name, arguments in moves
        )
        return ModelReply(content=None, tool_calls=calls, usage=usage)

    async def _moves(self, request: ModelRequest, tools: Collection[str]) -> list[Move]:
        scene = read_scene(request)
        heard = listen(scene.text)
        if self._router:
            heard = await self._router.refine(scene.text, heard)
        return next_moves(scene, heard, tools)

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing is open."""


def _nothing_to_rethink() -> list[Move]:
    return [("finish_rethinking_memory", {})]
