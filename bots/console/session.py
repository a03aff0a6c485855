"""``membot chat``: an engine, one console adapter, and a conversation until its end."""

import asyncio
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial

from bots.app import Engine, open_engine
from bots.console.adapter import ConsoleAdapter
from bots.console.chat import Chat, Desk, Setting
from bots.console.lines import (
    LineSource,
    piped_reader,
    restored_terminal,
    standard_input,
    terminal_reader,
)
from bots.console.screen import JsonScreen, PlainScreen, RichScreen, Screen
from bots.housekeeping import keep_knowledge
from bots.process import stop_signals, utc_now
from bots.settings import Settings
from bots.texts import text


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """The options of the command."""

    user: str
    channel: str | None = None
    json: bool = False
    locale: str = "en"


async def run_chat(settings: Settings, options: ChatOptions) -> int:
    """Converse until the end of input; the exit code.

    Raises:
        AlreadyRunning: Another membot answers from this database.
    """
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not options.json
    screen = _screen(options, interactive=interactive)
    setting = Setting(
        user=options.user,
        channel=options.channel,
        interactive=interactive,
        locale=options.locale,
    )
    # In a pipe there are replies only, also where a tool prints.
    with restored_terminal() if interactive else redirect_stdout(sys.stderr):
        engine = await open_engine(settings.for_terminal(interactive=interactive))
        try:
            _welcome(screen, engine, setting)
            return await _converse(engine, screen, setting)
        finally:
            await engine.stop()


def _screen(options: ChatOptions, *, interactive: bool) -> Screen:
    if options.json:
        return JsonScreen()
    return RichScreen() if interactive else PlainScreen()


def _welcome(screen: Screen, engine: Engine, setting: Setting) -> None:
    say = partial(text, setting.locale, user=setting.user, room=setting.channel)
    if setting.interactive:
        screen.notice(say("terminal.welcome_room" if setting.channel else "terminal.welcome"))
    if engine.model.is_demonstration:
        screen.notice(say("status.demo"))


async def _converse(engine: Engine, screen: Screen, setting: Setting) -> int:
    adapter = ConsoleAdapter(screen)
    sender = engine.switchboard.attach(adapter)
    await engine.start()
    desk = Desk(
        turns=engine.dispatcher,
        commands=engine.commands,
        adapter=adapter,
        screen=screen,
        places=engine.places,
        settle=sender.settle,
        now=utc_now,
    )
    read = terminal_reader(f"{setting.user}> ") if setting.interactive else None
    chat = Chat(desk, setting, LineSource(read or piped_reader(standard_input())))
    reading = asyncio.create_task(keep_knowledge(engine.reader))
    try:
        await _until_end(chat, adapter)
    finally:
        reading.cancel()
        await asyncio.wait({reading})
    return 0 if adapter.connected else 1


async def _until_end(chat: Chat, adapter: ConsoleAdapter) -> None:
    """Run the chat until it ends, a signal comes, or nobody reads."""
    stop = asyncio.Event()

    def interrupted() -> None:
        if not chat.interrupt():
            stop.set()

    with stop_signals(interrupted) as terminated:
        talking = asyncio.ensure_future(chat.run())
        ends = [asyncio.ensure_future(one.wait()) for one in (stop, terminated, adapter.broken)]
        await asyncio.wait([talking, *ends], return_when=asyncio.FIRST_COMPLETED)
        for end in [*ends, *([] if talking.done() else [talking])]:
            end.cancel()
        if talking.done():
            talking.result()
