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

RUNS = 5
MESSAGES = 200
PORT = 9378
WITH_EMBEDDINGS = "sentence-transformers/all-MiniLM-L6-v2"


def chat(folder: str, **settings: str) -> subprocess.Popen[str]:
    """A terminal chat on a database in a folder."""
    environment = os.environ | {"MEMBOT_DATABASE_URL": f"sqlite:///{folder}/membot.db"} | settings
    return subprocess.Popen(
        [sys.executable, "-m", "bots", "chat", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )


def say(process: subprocess.Popen[str], text: str) -> None:
    """Say a line and read its answer."""
    process.stdin.write(f"{text}\n")
    process.stdin.flush()
    process.stdout.readline()


def end(process: subprocess.Popen[str]) -> None:
    """Close the terminal."""
    process.stdin.close()
    process.wait()


def first_answer(**settings: str) -> float:
    """Seconds from the start of the process to its first answer, a median."""
    seconds = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            process = chat(folder, **settings)
            say(process, "Hello, I am here")
            seconds.append(time.perf_counter() - started)
            end(process)
    return statistics.median(seconds)


def resident_megabytes(**settings: str) -> float:
    """Resident memory after so many messages."""
    with tempfile.TemporaryDirectory() as folder:
        process = chat(folder, **settings)
        for number in range(MESSAGES):
            say(process, f"I like the number {number}")
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        end(process)
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
                        "first_answer_seconds": round(first_answer(**settings), 2),
                        "memory_mb_after_200_messages": round(resident_megabytes(**settings)),
                    }
                    for name, settings in rows
                ],
            )
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
