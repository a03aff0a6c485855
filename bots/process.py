"""What the bot knows of the process that it runs in: time, version, signals."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version


def utc_now() -> datetime:
    """The clock that everything else is given."""
    return datetime.now(UTC)  # noqa: TID251 - the one place where time comes in


def product_version() -> str:
    """The installed version."""
    try:
        return version("membot")
    except PackageNotFoundError:
        return "0 (not installed)"


@contextmanager
def stop_signals(on_interrupt: Callable[[], None] | None = None) -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set, or SIGINT does something else."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, on_interrupt or stopped.set)
    try:
        yield stopped
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)
