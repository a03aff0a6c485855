"""What admins set for a place in chat: values over those of the configuration file."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSetting:
    """One thing that is set for one place.

    Attributes:
        place: Key of the place, e.g. ``slack:T1/channel/C2``.
        name: What is set, e.g. ``mode``.
        value: None takes back what was set.
        actor: Principal key of who set it; None once they were forgotten.
    """

    place: str
    name: str
    value: str | None
    actor: str | None
    at: datetime

    @property
    def tenant(self) -> str:
        """The tenant that the place is in."""
        return self.place.partition("/")[0]


class PlaceStore(Protocol):
    """What is set for places."""

    async def place_settings(self, tenant: str | None = None) -> list[PlaceSetting]:
        """What is set for the places of a tenant, or of all."""
        ...

    async def set_place_setting(self, setting: PlaceSetting) -> None:
        """Set it in the place of an earlier value, and note for the audit who did."""
        ...


class ThreadStore(Protocol):
    """The threads in which the bot takes part, by keys such as ``discord:thread/5``."""

    async def engage_thread(self, thread: str, at: datetime) -> bool:
        """Remember that what is said there is for the bot; whether that is new."""
        ...

    async def is_engaged(self, thread: str) -> bool:
        """Whether it takes part."""
        ...
