"""How answers are scored: by their words alone, or by a model with a published prompt."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Final

from engine.chat_model import ChatModel, ModelRequest

# In the manner of the paper's judge: generous about wording, strict about what is claimed.
JUDGE_PROMPT: Final = (
    "You label an answer to a question as CORRECT or WRONG. You are given the question, a gold "
    "answer, which is short, and the answer to label, which may be longer. It is CORRECT if it "
    "contains the gold answer or says the same in other words, also where it says more; it is "
    "WRONG if it names something else, or says that it does not know. Answer with the one word "
    "CORRECT or WRONG."
)
_WORD: Final = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of a text, without capitals."""
    return _WORD.findall(text.lower())


def contains(answer: str, gold: str) -> bool:
    """Whether the answer has the gold answer's words, side by side."""
    return f" {' '.join(words(gold))} " in f" {' '.join(words(answer))} "


def rouge_l(answer: str, gold: str) -> float:
    """Share of the gold answer's words that stand in the answer in the same order.

    Source: ROUGE-L recall (Lin 2004), which the paper reports for deep memory retrieval.
    """
    said, wanted = words(answer), words(gold)
    row = [0] * (len(wanted) + 1)
    for word in said:
        before = 0
        for place, other in enumerate(wanted, 1):
            diagonal, before = before, row[place]
            row[place] = diagonal + 1 if word == other else max(row[place], row[place - 1])
    return row[-1] / len(wanted) if wanted else 0.0


def likeness(text: str, other: str) -> float:
    """Cosine of the words of two texts."""
    one, two = Counter(words(text)), Counter(words(other))
    product = sum(one[word] * two[word] for word in one)
    lengths = sqrt(sum(n * n for n in one.values()) * sum(n * n for n in two.values()))
    return product / lengths if lengths else 0.0


def mean_of_best(text: str, others: Iterable[str], best: int) -> float:
    """SIM-n of the paper's openers: the mean likeness to the n lines that are most alike."""
    found = sorted((likeness(text, other) for other in others), reverse=True)[:best]
    return sum(found) / len(found) if found else 0.0


def mean(values: Sequence[float]) -> float:
    """0 of nothing."""
    return sum(values) / len(values) if values else 0.0


async def judged(model: ChatModel, question: str, gold: str, answer: str) -> str:
    """What a model says to the answer, for ``is_correct``."""
    shown = f"Question: {question}\nGold answer: {gold}\nAnswer to label: {answer}"
    request = ModelRequest(
        purpose="summary",
        system=JUDGE_PROMPT,
        messages=(json.dumps({"role": "user", "content": shown}, ensure_ascii=False),),
        max_output_tokens=200,
    )
    return (await model.complete(request)).content or ""


def is_correct(judgement: str) -> bool:
    """Whether a judge called the answer correct."""
    return re.findall(r"CORRECT|WRONG", judgement)[-1:] == ["CORRECT"]
