"""An agent's archive as the file of a command's answer."""

import asyncio
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bots.adapter import AnswerFile, CommandAnswer, CommandRequest
from bots.operations import Operations, counts_text
from engine.errors import BadRequest, UnknownAgent
from engine.store import Store

_LARGEST_FILE_BYTES = 8 * 1024 * 1024


async def archive(
    store: Store, now: Callable[[], datetime], request: CommandRequest
) -> CommandAnswer:
    """Everything the agent of the request's scope remembers.

    Raises:
        BadRequest: It is too large for chat.
    """
    with tempfile.TemporaryDirectory(prefix="membot-") as folder:
        file = Path(folder) / "memory.zip"
        operations = Operations(store, now, request.actor)
        try:
            counts = await operations.export(request.scope.agent_id, file)
        except UnknownAgent:
            raise BadRequest(request.say("show.nothing_yet")) from None
        content = await asyncio.to_thread(file.read_bytes)
    if len(content) > _LARGEST_FILE_BYTES:
        raise BadRequest(request.say("archive.too_large"))
    answer = AnswerFile(name="memory.zip", content=content)
    told = request.say("archive.done", counts=counts_text(counts, request.locale))
    return CommandAnswer(text=told, file=answer)
