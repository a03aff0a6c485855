"""The commands on a real store, given from anywhere; what they set is followed by ``places``."""

from bots.adapter import CommandRequest
from bots.allowances import Allowances, Configured
from bots.command_families import build_commands
from bots.conversation_commands import StatusInfo
from bots.places import Places
from bots.routing import Origin

INFO = StatusInfo(model="m", is_demonstration=False, context_tokens=1000, version="0")
PERSONAS = {"pirate": "A pirate who answers in rhymes."}


class NoTurns:
    """An inbox in which nothing is worked on."""

    async def stop(self, scope):
        return 0

    async def spent(self, scope):
        return []


class PlaceDesk:
    def __init__(self, store, clock, places=None):
        self.store = store
        self.places = places or Places()
        self.commands = build_commands(
            store=store,
            inbox=NoTurns(),
            admins=frozenset(),
            now=clock,
            info=INFO,
            allowances=Allowances(self.places, Configured(personas=PERSONAS)),
        )

    async def run(self, command, origin, *, admin=True, **arguments):
        scope = self.places.scope_of(origin)
        request = CommandRequest(
            command=command,
            arguments=arguments,
            scope=scope,
            origin=origin,
            actor=origin.principal,
            actor_name="Somebody",
            platform_admin=admin,
        )
        return await self.commands.run(request)


def slack(user="U2", room=None, thread=None):
    return Origin(platform="slack", team="T1", user=user, room=room, thread=thread)


def discord(user="7"):
    return Origin(platform="discord", team="*", user=user)
