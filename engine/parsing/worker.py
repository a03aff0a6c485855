"""The child process that reads one file from standard input and writes its pieces as JSON lines.

A line is ``{"piece": [place, text]}``, ``{"page": 40, "of": 120}``, ``{"refused": sentence}`` or,
last, ``{"done": true}``. The process limits itself before it looks at the file.
"""

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from engine.documents import Piece, Section, pieces
from engine.parsing.formats import Reading, RefusedError, sections, too_large

_MEGABYTE = 1_000_000
MOST_CHARS = 20_000_000
MOST_PIECES = 50_000  # texts make 33,333 at the most; only a file of headings makes more


def limit_itself(memory_mb: int, cpu_seconds: int) -> None:
    """Take no more memory and processor time than this, and write no files."""
    limits = {
        resource.RLIMIT_AS: memory_mb * _MEGABYTE,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        with suppress(ValueError, OSError):  # macOS refuses a limit of memory
            resource.setrlimit(kind, (most, most))


def answers(reading: Reading, memory_mb: int) -> Iterator[dict[str, Any]]:
    """What to write for a file, line by line."""
    try:
        for piece in _few(pieces(_bounded(sections(reading)))):
            yield {"piece": [piece.place, piece.text]}
    except RefusedError as refusal:
        yield {"refused": str(refusal)}
    except MemoryError:
        yield {"refused": too_large("{name}", memory_mb)}
    except Exception:  # noqa: BLE001 - libraries raise anything on a file that is damaged
        yield {"refused": "{name} is damaged or not what its name says, so I could not read it."}
    else:
        yield {"done": True}


def _bounded(found: Iterator[Section]) -> Iterator[Section]:
    chars = 0
    for section in found:
        chars += len(section.text)
        if chars > MOST_CHARS:
            most = MOST_CHARS // _MEGABYTE
            raise RefusedError(f"{{name}} holds more than {most} million characters, the limit.")
        yield section


def _few(found: Iterator[Piece]) -> Iterator[Piece]:
    for number, piece in enumerate(found, 1):
        if number > MOST_PIECES:
            raise RefusedError(f"{{name}} falls into more than {MOST_PIECES} parts, the limit.")
        yield piece


def main(suffix: str, memory_mb: int, cpu_seconds: int, max_pages: int) -> None:
    """Read, and write until there is nothing left."""
    limit_itself(memory_mb, cpu_seconds)

    def write(answer: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    reading = Reading(
        suffix=suffix,
        data=sys.stdin.buffer.read(),
        max_pages=max_pages,
        progress=lambda page, of: write({"page": page, "of": of}),
    )
    for answer in answers(reading, memory_mb):
        write(answer)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
