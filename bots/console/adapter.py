"""The terminal as a platform: replies leave through the outbox here as on every other one."""

import asyncio

from bots.console.screen import Screen
from bots.previews import PreviewPace
from bots.typed_commands import typed_form
from engine.delivery import Activity
from engine.errors import DeliveryDelayed
from engine.progress import Work
from engine.records import OutboxItem, Turn


class ConsoleAdapter:
    """Shows deliveries; the lines that come in are ``bots.console.chat``'s business.

    Args:
        screen: Where they appear.
    """

    platform = "console"
    files_apart = False
    preview_pace = PreviewPace(first_seconds=0.3, between_seconds=0.1)

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._lock = asyncio.Lock()
        self.broken = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether anybody still reads what is shown."""
        return not self.broken.is_set()

    @property
    def handing_over(self) -> asyncio.Lock:
        """Held while a line becomes a turn, so that no reply overtakes the turn's id."""
        return self._lock

    async def run(self) -> None:
        """Serve until nobody reads any more."""
        await self.broken.wait()

    async def close(self) -> None:
        """End the sign of life."""
        self._screen.working(active=False)

    def split(self, text: str) -> list[str]:
        """A terminal takes any length."""
        return [text]

    async def send(self, item: OutboxItem, part: str, number: int) -> str:
        """Show a reply.

        Raises:
            DeliveryDelayed: Nobody reads; the reply is shown at the next start.
        """
        async with self._lock:
            pass
        try:
            lines = [f"`!{typed_form(choice)}`: {choice.label}" for choice in item.choices]
            await self._screen.reply(item, "\n".join([part, *lines]))
        except OSError as error:
            self.broken.set()
            raise DeliveryDelayed("Nobody reads standard output.") from error
        return f"{item.id}/{number}"

    def can_preview(self, address: str) -> bool:
        """Everywhere."""
        return True

    async def preview(self, item: OutboxItem, text: str) -> str:
        """Show the beginning of a reply; the reply takes its place."""
        self._screen.preview(text)
        return item.id

    async def withdraw(self, item: OutboxItem) -> None:
        """Take the beginning of a reply away."""
        self._screen.preview("")

    async def show_line(self, work: Work, line: str, shown_in: str | None) -> str:
        """Show how far the work is, beside the spinner."""
        self._screen.progress(line)
        return ""

    async def take_line(self, shown_in: str) -> None:
        """Show the plain spinner again."""
        self._screen.progress("")

    async def show_activity(self, turn: Turn, activity: Activity) -> None:
        """A spinner, where there is a terminal."""
        self._screen.working(active=activity == "working")
