"""Draws the pictures of the set-up guides from what the product says: python -m bench.pictures.

The platforms are the fixtures of the tests, on this machine.
"""

import asyncio
import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

from bots.adapter import CommandAnswer
from bots.discord_bot.permissions import invite_link
from bots.doctor.examination import examine
from bots.doctor.report import report_lines
from bots.slack_bot.manifest import needed_scopes
from tests.bots.memory_rig import open_memory
from tests.bots.test_commands import ROOM_ADA, Desk, room
from tests.fixtures.discord_server import NEEDED, DiscordServer, role_payload
from tests.fixtures.slack_server import SlackServer

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
_WIDTH = 96
_MANAGE_MESSAGES, _SEND_MESSAGES = 1 << 13, 1 << 11


def draw(name: str, title: str, shown: Iterable[RenderableType]) -> None:
    """One picture."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO())
    for one in shown:
        console.print(one)
    FOLDER.mkdir(exist_ok=True)
    console.save_svg(str(FOLDER / f"{name}.svg"), title=title)


def typed(command: str, lines: Iterable[str]) -> list[RenderableType]:
    """A command at the shell and what it prints."""
    return [Text(f"$ {command}", style="bold green"), *map(Text, lines)]


def answered(given: str, answer: CommandAnswer) -> list[RenderableType]:
    """A command in chat, its answer, and the buttons under it."""
    labels = [choice.label for choice in answer.choices]
    labels += [answer.confirm, "Cancel"] if answer.confirm else []
    buttons = Text("  ").join(Text(f" {label} ", style="reverse") for label in labels)
    text = Markdown(answer.text)
    panel = Panel(text, title="only you can see this", title_align="left")
    return [Text(given, style="bold cyan"), panel, buttons]


async def found(platform: str, **settings: str) -> list[str]:
    """What the doctor says of a platform with these settings."""
    os.environ.update(settings)
    checks = [check for check in await examine() if check.name.startswith(platform)]
    return report_lines(checks)


async def draw_discord() -> None:
    """A server where one permission is missing and one is not needed; the memory of a room."""
    server = DiscordServer()
    await server.start()
    allowed = NEEDED & ~_SEND_MESSAGES | _MANAGE_MESSAGES
    server.roles[1] = role_payload("800", "membot", allowed)
    settings = {"DISCORD_TOKEN": "token", "DISCORD_API_BASE_URL": server.api_base_url}
    lines = await found("discord", **settings)
    await server.stop()
    draw("doctor-discord", "membot doctor", typed("membot doctor", lines))
    draw("discord-invite", "the link", typed("membot discord-invite", [invite_link(4711)]))


async def draw_slack() -> None:
    """A workspace where the app was installed before it needed one more scope."""
    async with SlackServer() as server:
        server.scopes = {*needed_scopes(), "channels:join"} - {"files:read"}
        tokens = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
        lines = await found("slack", SLACK_API_BASE_URL=server.base_url, **tokens)
    draw("doctor-slack", "membot doctor", typed("membot doctor", lines))


async def draw_chat() -> None:
    """What a person in a room sees of its memory, and what an admin is asked before a reset."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_memory(Path(folder)) as memory:
            desk = Desk(memory)
            await room(desk)
            shown = await desk.run("memory show", ROOM_ADA)
            draw("memory-show", "Slack", answered("/membot memory show", shown))
            target = {"target": "room"}
            asked = await desk.run("agent reset", ROOM_ADA, platform_admin=True, arguments=target)
            draw("agent-reset", "Discord", answered("/agent reset target:room", asked))


async def main() -> None:
    """Every picture; settings are those of a folder without any."""
    os.environ["MEMBOT_EMBEDDING_MODEL"] = "none"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        await draw_discord()
        await draw_slack()
        await draw_chat()


if __name__ == "__main__":
    asyncio.run(main())
