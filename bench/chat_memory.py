"""Does the terminal remember a real conversation? Feeds one through `membot chat` and asks again.

    python -m bench.chat_memory ../shared/eval/locomo_dev.json --conversation conv-26

Every turn goes in as a line ``Speaker: text`` of a room, then the process ends; a second process is
asked the conversation's questions. Printed is the share of questions whose answer quotes at least
one annotated evidence turn. The data stays where it is and is never copied.
"""

import argparse
import json
import re
import tempfile
import time
from pathlib import Path

from bench.report import report
from bench.terminal import Terminal

ASKER = "Interviewer"
_ADVERSARIAL = 5


def main() -> None:
    """Run one conversation and print its share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--conversation", default="conv-26")
    parser.add_argument("--embeddings", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--pause", type=float, default=20.0, help="seconds for vectors to be made")
    options = parser.parse_args()
    conversation = _conversation(options.data, options.conversation)
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "MEMBOT_DATABASE_URL": f"sqlite:///{folder}/membot.db",
            "MEMBOT_EMBEDDING_MODEL": options.embeddings,
        }
        lines = [f"{turn['speaker']}: {_one_line(turn)}" for turn in conversation["turns"]]
        started = time.perf_counter()
        _chat(lines, settings, options.pause)
        fed_seconds = time.perf_counter() - started
        asked = [item for item in conversation["questions"] if item["evidence"]]
        answers = _chat([f"{ASKER}: {item['question']}" for item in asked], settings, 0)
    _report(conversation, asked, answers, fed_seconds, options)


def _conversation(file: Path, name: str) -> dict:
    conversations = json.loads(file.read_text(encoding="utf-8"))["conversations"]
    return next(item for item in conversations if item["id"] == name)


def _one_line(turn: dict) -> str:
    caption = f" [shared image: {turn['caption']}]" if turn.get("caption") else ""
    return " ".join(f"{turn['text']}{caption}".split())


def _chat(lines: list[str], settings: dict[str, str], pause: float) -> list[dict]:
    """Say the lines to a terminal of its own; its answers, one a line."""
    with Terminal("--channel", "lounge", **settings) as terminal:
        answers = [terminal.say(line) for line in lines]
        time.sleep(pause)
    return answers


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def _quotes(answer: dict, item: dict, texts: dict[str, str]) -> bool:
    reply = _plain(answer["reply"])
    return any(_plain(texts[turn]) in reply for turn in item["evidence"])


def _report(
    conversation: dict, asked: list[dict], answers: list[dict], seconds: float, options: object
) -> None:
    texts = {turn["id"]: turn["text"] for turn in conversation["turns"]}
    quoted = [_quotes(answer, item, texts) for answer, item in zip(answers, asked, strict=True)]
    counted = [
        hit for hit, item in zip(quoted, asked, strict=True) if item["category"] != _ADVERSARIAL
    ]
    row = {
        "conversation": conversation["id"],
        "embedding_model": options.embeddings,
        "turns": len(texts),
        "questions": len(counted),
        "answers_that_quote_evidence": round(sum(counted) / len(counted), 3),
        "milliseconds_per_turn": round(1000 * seconds / len(texts), 1),
    }
    report("chat_memory", [row])


if __name__ == "__main__":
    main()
