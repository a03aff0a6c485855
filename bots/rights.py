"""What the giver of a command may do; every command asks here, whatever a platform hides."""

from dataclasses import dataclass

from bots.adapter import CommandRequest
from bots.allowances import Allowances
from engine.rights import is_admin

_OWN = ("help", "memory ")
_TEACHES = "memory remember"


@dataclass(frozen=True, slots=True)
class Rights:
    """Who has them.

    Attributes:
        admins: Principals that are admins whatever the platform says.
        allowances: Whom admins have shut out.
    """

    admins: frozenset[str]
    allowances: Allowances

    def is_admin(self, request: CommandRequest) -> bool:
        """Whether the actor may use admin commands in this tenant."""
        return request.platform_admin or self.is_operator(request)

    def is_operator(self, request: CommandRequest) -> bool:
        """Whether the actor may reach beyond this tenant."""
        return is_admin(request.actor, self.admins)

    def decides_for_all(self, request: CommandRequest) -> bool:
        """Whether what is kept of a conversation is the actor's to say: of channels, an admin's."""
        scope = request.scope
        is_channel = scope.audience == "room" and scope.conversation_id.endswith("/main")
        return not is_channel or self.is_admin(request)

    def is_shut_out(self, request: CommandRequest) -> bool:
        """Whether an admin keeps the actor out; what is theirs stays in their hands even then."""
        own = request.command.startswith(_OWN) and request.command != _TEACHES
        if own or self.is_admin(request):
            return False
        return self.allowances.shut_out(request.actor, request.roles)
