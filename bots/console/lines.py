"""Lines from standard input, read in a thread of their own so that nothing else waits for them."""

import asyncio
import contextlib
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TextIO

LONGEST_LINE_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line that was skipped because no message may be that long."""


Line = str | TooLong | None
ReadLine = Callable[[], Line]


class LineSource:
    """One line at a time, and only when asked for.

    Args:
        read: Blocks for a line; None at the end of input.
    """

    def __init__(self, read: ReadLine) -> None:
        self._read = read
        self._loop = asyncio.get_running_loop()
        self._wanted: queue.SimpleQueue[asyncio.Future[Line]] = queue.SimpleQueue()
        # A daemon: a thread that waits for a person cannot be ended any other way.
        self._thread = threading.Thread(target=self._serve, name="input", daemon=True)
        self._thread.start()

    async def next(self) -> Line:
        """The next line without its end, or None at the end of input."""
        wanted: asyncio.Future[Line] = self._loop.create_future()
        self._wanted.put(wanted)
        return await wanted

    def _serve(self) -> None:
        line: Line = ""
        while line is not None:
            wanted = self._wanted.get()
            line = self._read()
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
                self._loop.call_soon_threadsafe(_give, wanted, line)


def _give(wanted: "asyncio.Future[Line]", line: Line) -> None:
    if not wanted.done():
        wanted.set_result(line)


def piped_reader(source: TextIO, longest_chars: int = LONGEST_LINE_CHARS) -> ReadLine:
    """Reads the lines of a pipe or file."""

    def read() -> Line:
        line = source.readline(longest_chars + 1)
        if len(line) <= longest_chars:
            return line.rstrip("\r\n") if line else None
        while line and not line.endswith("\n"):
            line = source.readline(longest_chars)
        return TooLong()

    return read


def standard_input() -> TextIO:
    """Standard input as text; bytes that are not UTF-8 become replacement signs.

    Not ``sys.stdin``: its lock, held by a thread that waits, aborts the interpreter's exit.
    """
    return open(0, encoding="utf-8", errors="replace", closefd=False)


def terminal_reader(prompt: str) -> ReadLine:
    """Asks at the terminal, with line editing and history where the platform has it."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - importing it is what gives `input` its editing

    def read() -> Line:
        try:
            line = input(prompt)
        except (EOFError, UnicodeDecodeError):
            return None
        return line if len(line) <= LONGEST_LINE_CHARS else TooLong()

    return read


@contextlib.contextmanager
def restored_terminal() -> Iterator[None]:
    """Give the terminal back as it was, even when the end came while a line was being edited."""
    try:
        import termios
    except ImportError:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
