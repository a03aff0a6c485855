"""The Delivery port: how replies leave, one implementation a platform."""

from typing import Literal, Protocol

from engine.records import OutboxItem, Turn

Activity = Literal["waiting", "working", "idle"]


class Delivery(Protocol):
    """Sends one outbox item; order, pacing and retries belong to the caller.

    Attributes:
        files_apart: Whether the file of a reply is a part of its own, after the words, and has
            none; elsewhere it goes with the last part.
    """

    platform: str
    files_apart: bool

    def split(self, text: str) -> list[str]:
        """Cut a reply into the parts the platform takes, nothing lost."""
        ...

    async def send(self, item: OutboxItem, part: str, number: int) -> str:
        """Send one part; the platform's id of it.

        Args:
            item: The reply; ``item.nonce`` with ``number`` identifies a repeat. It has the file
                that goes with this part.
            part: Text within the platform's limit.
            number: Place of the part, from 0.

        Raises:
            DeliveryDelayed: Worth another try later (429, 5xx, connection).
            DeliveryRefused: Never will be (channel gone, no permission).
        """
        ...

    async def show_activity(self, turn: Turn, activity: Activity) -> None:
        """Show or end the platform's sign of life for a turn; failures are only logged."""
        ...
