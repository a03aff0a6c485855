"""How long the embedding model takes: for a query, for a batch of texts, and to be ready.

    python -m bench.embedding

The product's own child process with the installed weights; one text at a time, as a search asks.
"""

import asyncio
import statistics
import time
from typing import Final

from bench.report import report
from bench.search import generate
from storage.embedder import ChildEmbedder, EmbedderLimits
from storage.embedding_child import ChildCommand
from storage.embedding_worker import MINILM

QUERIES: Final = 100
BATCH: Final = 512
_PATIENCE: Final = EmbedderLimits(query_seconds=60)


async def measure() -> dict[str, object]:
    """One line of the table."""
    texts = [message.text for message in generate(BATCH).messages]
    embedder = ChildEmbedder(ChildCommand(model=MINILM), _PATIENCE)
    try:
        ready, _ = await _timed(embedder, texts[:1])
        queries = [(await _timed(embedder, [text]))[0] for text in texts[:QUERIES]]
        batch, vectors = await _timed(embedder, texts)
    finally:
        await embedder.close()
    return {
        "ready_seconds": round(ready, 1),
        "query_ms": round(1000 * statistics.median(queries), 1),
        "batch": vectors,
        "batch_seconds": round(batch, 1),
    }


async def _timed(embedder: ChildEmbedder, texts: list[str]) -> tuple[float, int]:
    started = time.perf_counter()
    vectors = await embedder.embed(texts)
    return time.perf_counter() - started, len(vectors)


if __name__ == "__main__":
    report("embedding", [asyncio.run(measure())])
