"""``make bench``: every benchmark that needs nothing from outside, one after the other."""

import subprocess
import sys

BENCHMARKS = (
    "bench.turns",
    "bench.start",
    "bench.search",
    "bench.embedding",
    "bench.turn_growth",
    "bench.chat_load",
    "bench.long_run",
    "bench.nested_kv",
    "bench.document_qa",
    "bench.sessions",
)


def main() -> None:
    """Each in a process of its own, so that none warms or weighs down the next."""
    for name in sys.argv[1:] or BENCHMARKS:
        subprocess.run([sys.executable, "-m", name], check=True)


if __name__ == "__main__":
    main()
