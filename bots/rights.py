"""What the giver of a command may do; every command asks here, whatever a platform hides."""

from dataclasses import dataclass

from bots.adapter import CommandRequest
from engine.rights import is_admin


@dataclass(frozen=True, slots=True)
class Rights:
    """Who has them.

    Attributes:
        admins: Principals that are admins whatever the platform says.
    """

    admins: frozenset[str]

    def is_admin(self, request: CommandRequest) -> bool:
        """Whether the actor may use admin commands in this tenant."""
        return request.platform_admin or self.is_operator(request)

    def is_operator(self, request: CommandRequest) -> bool:
        """Whether the actor may reach beyond this tenant."""
        return is_admin(request.actor, self.admins)
