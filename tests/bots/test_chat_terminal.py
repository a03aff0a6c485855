"""``membot chat`` at a real terminal: prompt, confirmation, and a terminal left as it was."""

import asyncio
import os
import pty
import signal
import sys
import termios
from contextlib import asynccontextmanager

import pytest

from tests.bots.processes import environment


class Terminal:
    """The person's side of a pseudo-terminal."""

    def __init__(self, master):
        self._master = master
        self.shown = ""
        self._more = asyncio.Event()
        self.gone = False
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self):
        try:
            data = os.read(self._master, 65536)
        except OSError:
            data = b""
        if not data:
            self.close()
        self.shown += data.decode(errors="replace")
        self._more.set()

    def close(self):
        self.gone = True
        asyncio.get_running_loop().remove_reader(self._master)

    async def see(self, text):
        """Wait until something is shown, and forget everything up to it."""
        try:
            async with asyncio.timeout(30):
                while text not in self.shown:
                    assert not self.gone, self.shown
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            pytest.fail(f"waited for {text!r}, seen {self.shown!r}")
        before, _, self.shown = self.shown.partition(text)
        return before

    def type(self, text):
        os.write(self._master, text.encode())


@asynccontextmanager
async def chatting(folder):
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bots",
        "chat",
        "--user",
        "ada",
        cwd=folder,
        env=environment(TERM="xterm"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    terminal = Terminal(master)
    try:
        await terminal.see("ada> ")
        yield terminal, process
        async with asyncio.timeout(20):
            assert await process.wait() == 0
        assert termios.tcgetattr(slave) == before
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        terminal.close()
        os.close(master)
        os.close(slave)


async def test_a_conversation_ends_with_ctrl_d(tmp_path):
    async with chatting(tmp_path) as (terminal, _):
        terminal.type("Hi, I'm Ada and I play the cello.\n")
        await terminal.see("remember")
        await terminal.see("ada> ")
        terminal.type("\x04")


async def test_what_cannot_be_undone_is_asked_back(tmp_path):
    async with chatting(tmp_path) as (terminal, _):
        terminal.type("/memory forget-me\n")
        await terminal.see("Type yes")
        terminal.type("no\n")
        await terminal.see("Cancelled")
        await terminal.see("ada> ")
        terminal.type("/memory forget-me\n")
        await terminal.see("Type yes")
        terminal.type("yes\n")
        await terminal.see("Done.")
        await terminal.see("ada> ")
        terminal.type("/quit\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_in_the_middle_of_a_line_leaves_the_terminal_as_it_was(tmp_path, number):
    async with chatting(tmp_path) as (terminal, process):
        terminal.type("half a li")
        await terminal.see("half a li")
        process.send_signal(number)
