"""A terminal chat in a process of its own, spoken to line by line."""

import json
import os
import subprocess
import sys
from typing import Any, Self


class Terminal:
    """``membot chat --json`` with settings; leaving it closes its input and waits for its end.

    Args:
        arguments: Further options of the command.
        settings: Environment variables on top of ours.
    """

    def __init__(self, *arguments: str, **settings: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bots", "chat", "--json", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | settings,
            text=True,
        )

    def __enter__(self) -> Self:
        """It is running already."""
        return self

    def __exit__(self, *_: object) -> None:
        """End of input; the process answers what waits, and ends."""
        self.process.stdin.close()
        self.process.wait()

    def say(self, line: str) -> dict[str, Any]:
        """Say a line and wait for the object that answers it."""
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())
