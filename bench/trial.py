"""Does a real language model remember through membot? A conversation, a restart, three questions.

    OPENAI_BASE_URL=http://127.0.0.1:9100/v1 MEMBOT_MODEL=local python -m bench.trial --runs 3

A person tells a name and two facts, talks about something else for 20 messages in a 4,096-token
window, the process restarts, and the facts are asked for. Writes the transcript of every run to
`docs/transcripts/` and prints how many answers were right.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.report import report
from bench.terminal import Terminal

TELL = [
    "Hello! My name is Marisol.",
    "I work as a lighthouse keeper.",
    "And my dog is called Biscuit.",
]
CHAT = [
    "What is the capital of Portugal?",
    "How many days does February have in a leap year?",
    "Name three fruits that are yellow.",
    "What colour do you get from blue and yellow?",
    "Why is the sky blue?",
    "What is 17 plus 25?",
    "Which planet is the largest?",
    "Give me a word that rhymes with moon.",
    "What do bees make?",
    "How do you say thank you in French?",
    "What is the opposite of loud?",
    "Which animal is the fastest on land?",
    "What is water made of?",
    "Name a famous painter.",
    "How many legs has a spider?",
    "What is the freezing point of water in Celsius?",
    "Which ocean is the largest?",
    "What is a synonym for happy?",
    "How many minutes are in two hours?",
    "Which month comes after August?",
]
ASK = [
    ("What is my name?", "marisol"),
    ("What is my job?", "lighthouse"),
    ("What is my dog called?", "biscuit"),
]
Exchange = tuple[str, str]  # what was said, and the answer
FOLDER = Path(__file__).parent.parent / "docs" / "transcripts"


def main() -> None:
    """Run the trial and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--window", type=int, default=4096)
    options = parser.parse_args()
    report("trial", [run(number, options.window) for number in range(1, options.runs + 1)])


def run(number: int, window: int) -> dict[str, object]:
    """One conversation in a database of its own."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "MEMBOT_DATABASE_URL": f"sqlite:///{folder}/membot.db",
            "MEMBOT_CONTEXT_TOKENS": str(window),
        }
        told = talk([*TELL, *CHAT], settings)
        asked = talk([question for question, _ in ASK], settings)
    seconds = (time.perf_counter() - started) / (len(told) + len(asked))
    right = [word in answer.lower() for (_, word), (_, answer) in zip(ASK, asked, strict=True)]
    write_transcript(number, window, told, asked)
    return {
        "run": number,
        "answers": len(told) + len(asked),
        "facts_right": f"{sum(right)} of {len(ASK)}",
        "seconds_per_answer": round(seconds, 1),
    }


def talk(lines: list[str], settings: dict[str, str]) -> list[Exchange]:
    """Say the lines to one process, each after the answer to the one before."""
    exchanges = []
    with Terminal("--user", "visitor", **settings) as terminal:
        for line in lines:
            exchanges.append((line, str(terminal.say(line)["reply"])))
            sys.stderr.write(f"> {line}\n{exchanges[-1][1]}\n")
    return exchanges


def write_transcript(number: int, window: int, told: list[Exchange], asked: list[Exchange]) -> None:
    """Keep what was said, with the restart marked."""
    model = os.environ.get("MEMBOT_MODEL", "")
    head = f"# Trial {number}: {model}, a window of {window:,} tokens\n\n"
    before, after = (
        "\n".join(f"> {said}\n{answer}\n" for said, answer in part) for part in (told, asked)
    )
    text = f"{before}\n--- the process ends and starts again ---\n\n{after}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"trial-{number}.md").write_text(f"{head}```\n{text}```\n", encoding="utf-8")


if __name__ == "__main__":
    main()
