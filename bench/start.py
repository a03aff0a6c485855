"""How soon the terminal answers after its start, and how much memory a small installation takes.

python -m bench.start
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import report
from bench.terminal import Terminal

RUNS = 5
MESSAGES = 200
PORT = 9378
WITH_EMBEDDINGS = "sentence-transformers/all-MiniLM-L6-v2"


def terminal(folder: str, settings: dict[str, str]) -> Terminal:
    """A terminal chat on a database in a folder."""
    return Terminal(**{"MEMBOT_DATABASE_URL": f"sqlite:///{folder}/membot.db", **settings})


def first_answer(settings: dict[str, str]) -> float:
    """Seconds from the start of the process to its first answer, a median."""
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, terminal(folder, settings) as chat:
            chat.say("Hello, I am here")
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def resident_megabytes(settings: dict[str, str]) -> float:
    """Resident memory after so many messages."""
    with tempfile.TemporaryDirectory() as folder, terminal(folder, settings) as chat:
        for number in range(MESSAGES):
            chat.say(f"I like the number {number}")
        pages = int(Path(f"/proc/{chat.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Both figures for the demonstration brain and for a model behind an endpoint."""
    endpoint = {"OPENAI_BASE_URL": f"http://127.0.0.1:{PORT}/v1", "MEMBOT_MODEL": "fake"}
    words = {"MEMBOT_EMBEDDING_MODEL": "none"}
    rows = [
        ("no model, words only", words),
        ("no model, embeddings loading", {"MEMBOT_EMBEDDING_MODEL": WITH_EMBEDDINGS}),
        ("model endpoint, words only", words | endpoint),
    ]
    server = [sys.executable, "-m", "tests.fixtures.model_server", "--port", str(PORT)]
    with subprocess.Popen(server, stdout=subprocess.DEVNULL) as process:
        try:
            report(
                "start",
                [
                    {
                        "set_up": name,
                        "first_answer_seconds": round(first_answer(settings), 2),
                        "memory_mb_after_200_messages": round(resident_megabytes(settings)),
                    }
                    for name, settings in rows
                ],
            )
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
