"""How fast and how well search finds things among 1,000, 10,000 and 100,000 messages.

The messages are generated, with facts planted among them and questions that ask for these facts
in other words; vectors are generated too, near each other where the subject is the same, so the
figures do not depend on a model. Beside it, where the packages apsw and sqlite-vec are installed:
a full scan by sqlite-vec over the same vectors.

    python -m bench.search [--sizes 1000 10000 100000]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.tables import insert_messages, open_database
from storage.arrays import GrowingArray
from storage.sqlite.kept_vectors import KeptVectors
from storage.sqlite.recall_index import IndexedMessage, RecallIndex, RecallQuery
from storage.sqlite.search_rows import agent_state, known_model, start_model
from storage.vectors import Floats, normalised

RESULTS = Path(__file__).with_name("results") / "search.json"
SIZES = (1_000, 10_000, 100_000)
DIMENSION = 384
MODEL = "bench"
AGENT = "bench"
QUESTIONS = 60
SITTING_MESSAGES = 20
START = datetime(2022, 1, 3, 9, tzinfo=UTC)

SYLLABLES = (
    "ba",
    "cor",
    "del",
    "fi",
    "gan",
    "hul",
    "ji",
    "kem",
    "lo",
    "mar",
    "nes",
    "po",
    "qui",
    "ras",
    "sto",
    "tu",
    "vel",
    "wim",
    "yar",
    "zo",
)
SMALL_TALK = (
    "I think the {0} was really {1}, and then we went to see the {2}",
    "Yes, my {0} said the same about the {1}",
    "We had {0} with {1} and a bit of {2}",
    "That is so nice! How did the {0} go?",
    "I was at the {0} all day, it was {1}",
    "Not much, just the {0} and some {1}",
    "My {0} wants a {1} for the {2}",
)
FACTS = (
    ("I bought a {0} in {1} for my {2}", "Where did {who} buy the {0} for the {2}?"),
    ("My {0} is allergic to {1}, so we keep no {2}", "What is {who}'s {0} allergic to?"),
    ("I started a {0} class about {1} at the {2}", "Which class about {1} did {who} start?"),
    ("We named the {0} {1} after a {2}", "What did {who} name the {0} after?"),
)
SPEAKERS = ("Ada", "Grace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured at one size; times are medians in milliseconds."""

    messages: int
    hybrid_ms: float
    words_only_ms: float
    vectors_ms: float
    sqlite_vec_ms: float | None
    hybrid_recall_at_10: float
    words_only_recall_at_10: float
    sqlite_vec_recall_at_10: float | None
    indexed_a_second: float
    first_search_ms: float
    kept_megabytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Generated messages, and questions with the message that answers each."""

    messages: list[IndexedMessage]
    vectors: Floats
    questions: list[tuple[str, Floats, int]]


def words(count: int, rng: random.Random) -> list[str]:
    """Made-up words, no two the same."""
    made: dict[str, None] = {}
    while len(made) < count:
        made["".join(rng.choice(SYLLABLES) for _ in range(rng.choice((2, 2, 3, 3, 4))))] = None
    return list(made)


def generate(size: int, seed: int = 7) -> Corpus:
    """A conversation of two people in sittings of 20 messages, three a day."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    known = words(20_000, rng)
    frequencies = 1 / np.arange(3, len(known) + 3)  # Zipf, as in any language
    cumulative = np.cumsum(frequencies).tolist()
    sittings = -(-size // SITTING_MESSAGES)
    subjects = normalised(numbers.standard_normal((sittings, DIMENSION), dtype=np.float32))
    vectors = normalised(
        subjects[np.arange(size) // SITTING_MESSAGES]
        + 0.08 * numbers.standard_normal((size, DIMENSION), dtype=np.float32)
    )
    planted = set(rng.sample(range(size), QUESTIONS))
    messages, questions = [], []
    for at in range(size):
        picked = rng.choices(known, cum_weights=cumulative, k=3)
        speaker = SPEAKERS[at % 2]
        form = rng.choice(SMALL_TALK)
        if at in planted:
            form, asked = rng.choice(FACTS)
            near = vectors[at] + 0.1 * numbers.standard_normal(DIMENSION, dtype=np.float32)
            questions.append((asked.format(*picked, who=speaker), normalised(near), at + 1))
        messages.append(_message(at, speaker, form.format(*picked)))
    return Corpus(messages=messages, vectors=vectors, questions=questions)


def _message(at: int, speaker: str, text: str) -> IndexedMessage:
    sitting, place = divmod(at, SITTING_MESSAGES)
    return IndexedMessage(
        seq=at + 1,
        agent_id=AGENT,
        conversation_id="dm",
        author_name=speaker,
        text=text,
        sent_at=START + timedelta(hours=8 * sitting, minutes=place),
    )


def fill(connection: sqlite3.Connection, index: RecallIndex, corpus: Corpus) -> float:
    """Store the messages and their vectors; messages a second, vectors apart."""
    with connection:
        insert_messages(connection, [message.text for message in corpus.messages])
    started = time.perf_counter()
    with connection:
        index.add(connection, corpus.messages)
    seconds = time.perf_counter() - started
    with connection:
        start_model(connection, MODEL, DIMENSION)
        while rows := index.pending(connection, 5_000):
            places = np.array([row.seq for row in rows]) - 1
            index.store_vectors(connection, MODEL, rows, corpus.vectors[places])
    return len(corpus.messages) / seconds


def timed(work: Callable[..., Any], *given: Any) -> tuple[float, Any]:  # noqa: ANN401 - any work
    """Milliseconds, and what the work gave."""
    started = time.perf_counter()
    result = work(*given)
    return (time.perf_counter() - started) * 1000, result


def ask_all(corpus: Corpus, search: Callable[[str, Floats], Sequence[int]]) -> tuple[float, float]:
    """Median milliseconds, and the share of questions with their answer among the first ten."""
    times, found = [], 0
    for text, vector, answer in corpus.questions:
        milliseconds, seqs = timed(search, text, vector)
        times.append(milliseconds)
        found += answer in seqs
    return statistics.median(times), found / len(corpus.questions)


def vectors_alone(connection: sqlite3.Connection, corpus: Corpus) -> float:
    """Median milliseconds of the cosines with every message."""
    state, model = agent_state(connection, "recall", AGENT), known_model(connection, MODEL)
    if state is None or model is None:
        return float("nan")
    seqs = GrowingArray(np.int64)
    seqs.extend([message.seq for message in corpus.messages])
    kept = KeptVectors()
    kept.refresh(connection, state, model, seqs)
    times = [timed(kept.cosines, vector, len(seqs))[0] for _, vector, _ in corpus.questions]
    return statistics.median(times)


def beside_sqlite_vec(folder: Path, corpus: Corpus) -> tuple[float, float] | None:
    """The same vectors in sqlite-vec; None where it cannot be loaded."""
    if not all(importlib.util.find_spec(name) for name in ("apsw", "sqlite_vec")):
        return None
    import apsw  # type: ignore[import-not-found,unused-ignore]
    import sqlite_vec

    connection = apsw.Connection(str(folder / "vec.db"))
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.execute(
        f"CREATE VIRTUAL TABLE v USING vec0(e float[{DIMENSION}] distance_metric=cosine)"
    )
    with connection:
        connection.executemany(
            "INSERT INTO v (rowid, e) VALUES (?, ?)",
            ((place + 1, vector.tobytes()) for place, vector in enumerate(corpus.vectors)),
        )
    find = "SELECT rowid FROM v WHERE e MATCH ? AND k = 10"
    result = ask_all(
        corpus, lambda _, vector: [r[0] for r in connection.execute(find, (vector.tobytes(),))]
    )
    connection.close()
    return result


def measure(size: int) -> Figures:
    """Every figure at one size."""
    corpus = generate(size)
    with tempfile.TemporaryDirectory(prefix="membot-bench-") as name:
        folder = Path(name)
        index = RecallIndex(cache_bytes=1 << 30)
        connection = open_database(folder / "search.db")
        speed = fill(connection, index, corpus)

        def search(text: str, vector: Floats | None) -> Sequence[int]:
            model = MODEL if vector is not None else ""
            query = RecallQuery(agent_id=AGENT, text=text, vector=vector, model=model)
            return index.search(connection, query, 10).seqs

        first, _ = timed(search, "anything", corpus.vectors[0])
        hybrid = ask_all(corpus, search)
        lexical = ask_all(corpus, lambda text, _: search(text, None))
        rival = beside_sqlite_vec(folder, corpus)
        alone = vectors_alone(connection, corpus)
        connection.close()
    return Figures(
        messages=size,
        hybrid_ms=hybrid[0],
        words_only_ms=lexical[0],
        vectors_ms=alone,
        sqlite_vec_ms=rival[0] if rival else None,
        hybrid_recall_at_10=hybrid[1],
        words_only_recall_at_10=lexical[1],
        sqlite_vec_recall_at_10=rival[1] if rival else None,
        indexed_a_second=speed,
        first_search_ms=first,
        kept_megabytes=index.cached_bytes / 1e6,
    )


def show(figures: Sequence[Figures]) -> None:
    """The table on standard output."""
    table = Table(title="Search, median milliseconds a query, embedding apart")
    titles = (
        "messages",
        "hybrid",
        "words only",
        "vectors alone",
        "sqlite-vec",
        "recall@10 hybrid",
        "words only",
        "sqlite-vec",
        "indexed/s",
        "first ms",
        "kept MB",
    )
    for title in titles:
        table.add_column(title, justify="right")
    for row in figures:
        values = list(asdict(row).values())
        cells = ["-" if value is None else f"{value:,.2f}" for value in values[1:8]]
        table.add_row(f"{row.messages:,}", *cells, *(f"{value:,.0f}" for value in values[8:]))
    console = Console(width=150)
    console.print(table)
    if any(row.sqlite_vec_ms is None for row in figures):
        console.print(
            "sqlite-vec was not measured: it needs the packages apsw and sqlite-vec, "
            "since Python's sqlite3 may be built without extension loading."
        )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    figures = [measure(size) for size in options.sizes]
    show(figures)
    options.json.parent.mkdir(exist_ok=True)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    report = {"machine": machine, "sizes": [asdict(row) for row in figures]}
    options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
