"""What an adapter is, what it is given, and how a command looks on its way through one.

An adapter converts in, hands over, converts out. It decides nothing about memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from bots.places import Places
from bots.routing import Origin
from bots.texts import text
from engine.answer_files import AnswerFile as AnswerFile  # noqa: PLC0414 - likewise
from engine.choices import Choice as Choice  # noqa: PLC0414 - a part of every answer
from engine.delivery import Delivery
from engine.place_settings import ThreadStore
from engine.records import Attachment, IncomingEvent, Scope
from engine.store import Acceptance


class Inbox(Protocol):
    """Where events go; the engine's dispatcher is one."""

    async def submit(self, event: IncomingEvent) -> Acceptance:
        """Store the event, then answer it in its turn."""
        ...

    async def stop(self, scope: Scope, notice: str = "") -> int:
        """Cancel the unfinished turns of the scope's conversation; how many there were."""
        ...

    async def stop_asked(self, tenant: str, source_key: str, actor: str, notice: str) -> bool:
        """Cancel the unfinished turn of a message or a reply, for somebody whom it answers."""
        ...

    async def edit(self, tenant: str, source_key: str, text: str) -> bool:
        """Follow an edit; whether it changed anything that is remembered."""
        ...

    async def delete(self, tenant: str, source_keys: Sequence[str]) -> int:
        """Follow deletions; how many of the messages were remembered.

        A key that ends in a slash stands for all that begin with it: a thread that is gone.
        """
        ...

    async def close_place(self, key: str) -> None:
        """Follow that a channel, or the bot in a whole tenant, is gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PointedMessage:
    """The message in whose menu a command was chosen, as the platform has it.

    Attributes:
        source_key: As the adapter names it in its events.
        author: Principal key; None when the bot said it.
    """

    source_key: str
    author: str | None
    author_name: str
    text: str
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRequest:
    """A command, from whichever surface.

    Attributes:
        command: Its words, e.g. ``memory show``.
        arguments: By name, as text; names as in the command table.
        scope: Of the place it was given in.
        origin: That place, in the platform's ids.
        actor: Principal key of who gave it.
        platform_admin: What the platform says of the actor's rights in this tenant.
        confirmed: True on the second of two steps.
        file: Bytes that came with it (``agent import``).
        site: Address of the workspace where messages can be opened, where it has its own.
        locale: The actor's, as the platform has it.
        message: The one in whose menu it was chosen.
        roles: Ids of the actor's roles, where the platform has such.
        outsider: Whether guests or people of another organisation wrote it or read along.
    """

    command: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    scope: Scope
    actor: str
    actor_name: str
    origin: Origin | None = None
    platform_admin: bool = False
    confirmed: bool = False
    file: AnswerFile | None = None
    site: str = ""
    locale: str = "en"
    message: PointedMessage | None = None
    roles: tuple[str, ...] = ()
    outsider: bool = False

    def say(self, key: str, **values: object) -> str:
        """A sentence in the actor's language."""
        return text(self.locale, key, **values)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswer:
    """What the asker, and only the asker, gets to see.

    Attributes:
        text: Markdown.
        confirm: Label of the button that runs the same request with ``confirmed``; None when the
            command is done.
        choices: What the asker can do next; 20 are shown at most.
        turn_id: A turn that the command has begun; what it says comes like any reply.
    """

    text: str
    confirm: str | None = None
    choices: tuple[Choice, ...] = ()
    file: AnswerFile | None = None
    turn_id: str | None = None


class CommandRunner(Protocol):
    """The one command layer; ``bots.commands`` has it."""

    async def run(self, request: CommandRequest) -> CommandAnswer:
        """Carry out a command; problems come back as an answer with one plain sentence."""
        ...

    async def suggest(self, request: CommandRequest, option: str, typed: str) -> list[str]:
        """Values for an option of a command that is being put together."""
        ...

    async def form_text(self, request: CommandRequest) -> str | None:
        """What stands in the form of a command at first; None where there is to be no form."""
        ...

    async def keep(self, request: CommandRequest, choice: Choice) -> Choice:
        """A shorter choice in the place of one that is too long for a button."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A row of the command table, from which every surface and every help text is made.

    Attributes:
        words: e.g. ``memory show``.
        summary: One line of help.
        options: Name to help line, in order; an option ending in ``?`` may be left out.
        admin: Whether only admins may.
        takes_file: Whether an attachment belongs to it.
        menu: Its name in the menu of a message, where it has a place.
        completed: Options for which values are suggested while they are typed.
        form: The option that is asked for in a form where it is left out and there are forms.
    """

    words: str
    summary: str
    options: Mapping[str, str] = field(default_factory=dict)
    admin: bool = False
    takes_file: bool = False
    menu: str = ""
    completed: tuple[str, ...] = ()
    form: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterPorts:
    """What the adapter of a platform is given.

    Attributes:
        inbox: Where messages go.
        commands: Who carries out commands.
        command_table: What commands there are.
        now: The time, aware.
        places: What is set for each place.
        threads: Where the bot takes part.
    """

    inbox: Inbox
    commands: CommandRunner
    command_table: Sequence[CommandSpec]
    now: Callable[[], datetime]
    places: Places
    threads: ThreadStore


class Adapter(Delivery, Protocol):
    """One platform: events in, deliveries out."""

    @property
    def connected(self) -> bool:
        """Whether events arrive right now."""
        ...

    async def run(self) -> None:
        """Connect and serve until cancelled; an exception means: start me again later."""
        ...

    async def close(self) -> None:
        """Disconnect; deliveries of a drain have been made by now."""
        ...


@runtime_checkable
class FileSource(Protocol):
    """A platform that keeps the files of its messages."""

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> bytes:
        """The bytes of a file.

        Raises:
            BadRequest: It is larger than that, or not to be had.
            DeliveryDelayed: The platform does not hand it over now.
        """
        ...
