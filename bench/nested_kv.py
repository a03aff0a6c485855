"""Nested key-value retrieval: follow a key through values that are keys again.

    python -m bench.nested_kv              # the scripted policy
    python -m bench.nested_kv --model      # the endpoint of .env

The task of MemGPT (arXiv 2310.08560, section 3.2): 140 pairs of UUIDs, 0 to 4 levels of nesting,
30 orderings each. The pairs lie in archival memory; the window of 8,192 tokens (that of the
paper's GPT-4) is too small for all of them. The agent has to search, page on, and look whether
what it found is a key itself. The second table row
of a level has one result a page, so that a key that is another's value must be paged for.
"""

import argparse
import itertools
import random
import re
import statistics
import tempfile
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.engine_rig import EngineRig
from bench.harness import (
    Journal,
    ModelUnderTest,
    endpoint,
    engine_config,
    finish,
    journal,
    load,
    parser,
    under_test,
)
from bench.scripted_readers import Policy, Seen, search
from engine.chat_model import ModelReply
from engine.testing import call
from tests.engine.builders import dm_scope, event

PAIRS: Final = 140
WINDOW_TOKENS: Final = 8192
LEVELS: Final = range(5)
ORDERINGS: Final = 30
PAGE_SIZES: Final = (5, 1)
PERSONA: Final = (
    "I look things up in archival memory. Pairs of a key and a value are stored there. I keep "
    "searching, page by page, until I have found what was asked for, and I do not answer before."
)
QUESTION: Final = (
    "What is the value of the key {key}? A value may be a key itself: then look up that key's "
    "value, and so on, until you have a value that is no key. Make sure of that by searching for "
    "it. Answer with the last value and nothing else."
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One ordering: what is stored, what is asked, what is right."""

    levels: int
    ordering: int
    pairs: tuple[tuple[str, str], ...]
    key: str
    answer: str


def make_task(levels: int, ordering: int, pairs: int = PAIRS) -> Task:
    """A chain of ``levels`` + 1 pairs, shuffled among pairs that lead nowhere."""
    rng = random.Random(1000 * levels + ordering)
    names = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(2 * pairs + 1)]
    chain = names[: levels + 2]
    linked = list(itertools.pairwise(chain))
    rest = names[levels + 2 :]
    others = list(zip(rest[::2], rest[1::2], strict=False))[: pairs - len(linked)]
    stored = [*linked, *others]
    rng.shuffle(stored)
    return Task(
        levels=levels, ordering=ordering, pairs=tuple(stored), key=chain[0], answer=chain[-1]
    )


def passage(key: str, value: str) -> str:
    """A pair as it is stored."""
    return f"Key: {key}\nValue: {value}"


class KeyFollower(Policy):
    """Looks up a key, then its value, until every page says that the value is no key."""

    def decide(self, seen: Seen) -> ModelReply:
        """The next page or the next key; the answer when nothing is left to look up."""
        current = next(iter(_UUID.findall(seen.event)), "")
        while current:
            known = dict(_UUID.findall(hit["text"])[:2] for hit in seen.hits(current))
            if current in known:
                current = known[current]
            elif (page := seen.next_page(current)) is not None:
                return search("archival_memory_search", current, page)
            else:
                break
        return call("send_message", message=current or "I lost sight of the question.")


async def ask(rig: EngineRig, model: ModelUnderTest, task: Task, notes: Journal) -> dict[str, int]:
    """One task in an agent of its own; what it took."""
    scope = dm_scope(f"level{task.levels}ordering{task.ordering}")
    await load(rig, scope, "pairs", (passage(*pair) for pair in task.pairs))
    model.start()
    question = QUESTION.format(key=task.key)
    result = await rig.say(event(question, scope=scope))
    answer = " ".join(result.replies)
    found = _UUID.findall(answer.lower())
    right = found[-1:] == [task.answer]
    notes.write(
        model=model.name,
        levels=task.levels,
        ordering=task.ordering,
        question=question,
        expected=task.answer,
        answer=answer,
        right=right,
        steps=result.steps,
        prompt=model.last_prompt(),
    )
    return {"right": right, "steps": result.steps}


async def measure(
    options: argparse.Namespace, folder: Path, page_size: int
) -> list[dict[str, object]]:
    """Every level and ordering with so many results a page."""
    config = engine_config(options, PERSONA)
    config = replace(config, memory=replace(config.memory, page_size=page_size))
    answering = endpoint(config) if options.model else KeyFollower()
    rows = []
    name = f"nested_kv_{'model' if options.model else 'scripted'}_{page_size}"
    with journal(name, options.out) as notes:
        async with (
            under_test(answering) as model,
            EngineRig(folder / f"{page_size}.db", model, config) as rig,
        ):
            for levels in options.levels:
                tasks = [make_task(levels, number) for number in range(options.orderings)]
                rows.append(line(page_size, [await ask(rig, model, task, notes) for task in tasks]))
                rows[-1] = {"nesting_levels": levels} | rows[-1]
    return rows


def line(page_size: int, taken: list[dict[str, int]]) -> dict[str, object]:
    """One line of the table."""
    right = sum(one["right"] for one in taken)
    return {
        "results_a_page": page_size,
        "accuracy": f"{100 * right / len(taken):.0f} %",
        "right": f"{right} of {len(taken)}",
        "steps_median": statistics.median(one["steps"] for one in taken),
        "steps_most": max(one["steps"] for one in taken),
    }


async def run(options: argparse.Namespace) -> list[dict[str, object]]:
    """Every page size."""
    with tempfile.TemporaryDirectory() as folder:
        tables = [await measure(options, Path(folder), size) for size in options.page_sizes]
    return [row for rows in zip(*tables, strict=True) for row in rows]


def options_parser() -> argparse.ArgumentParser:
    """The options, with the paper's numbers as defaults."""
    made = parser(__doc__, window=WINDOW_TOKENS)
    made.add_argument("--orderings", type=int, default=ORDERINGS)
    made.add_argument("--levels", type=int, nargs="+", default=list(LEVELS))
    made.add_argument("--page-sizes", type=int, nargs="+", default=list(PAGE_SIZES))
    return made


def main() -> None:
    """Read the options, run and report."""
    options = options_parser().parse_args()
    finish("nested_kv", run(options), options)


if __name__ == "__main__":
    main()
