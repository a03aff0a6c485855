"""``membot`` and ``python -m bots``: run the command line, and end with one sentence at worst."""

import os
import sys

from bots.cli import run_command_line


def main() -> None:
    """Run and exit."""
    code = run_command_line(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads; keep the interpreter from flushing once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
