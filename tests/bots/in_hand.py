"""Memory on a real store with the real command layer, for surfaces that show it."""

from bots.command_families import build_commands
from bots.conversation_commands import StatusInfo
from engine.testing import call


class TidyInbox:
    """The dispatcher, with the file cleaned at once after a deletion."""

    def __init__(self, rig):
        self._rig = rig

    def __getattr__(self, name):
        return getattr(self._rig.dispatcher, name)

    async def delete(self, tenant, source_keys):
        deleted = await self._rig.dispatcher.delete(tenant, source_keys)
        await self._rig.store.finish_cleaning()
        return deleted


def commands_of(rig):
    """All commands, on the rig's memory."""
    info = StatusInfo(model="m", is_demonstration=False, context_tokens=1000, version="1")
    return build_commands(
        store=rig.store, inbox=TidyInbox(rig), admins=frozenset(), now=rig.clock, info=info
    )


async def tell(rig, scope, text, line):
    """Somebody says something, and the model notes a line about them."""
    noted = call("core_memory_append", label="human", content=line, request_heartbeat=True)
    rig.script(noted, call("send_message", message="Noted."))
    await rig.say(text, scope=scope)


async def about(rig, scope):
    """What is noted about the speaker."""
    blocks = (await rig.store.load_window(scope)).blocks
    return next(block for block in blocks if block.label == f"human:{scope.speaker}").value


async def card(rig, scope):
    """The card that the place knows of the speaker."""
    blocks = (await rig.store.load_window(scope)).blocks
    return next((block.value for block in blocks if block.label == f"card:{scope.speaker}"), None)
