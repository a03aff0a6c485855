"""The stores that every contract test runs on; a later database adds itself to ``STORES``."""

import pytest

from engine.testing import FixedClock
from storage.sqlite.store import SqliteStore


async def open_sqlite(folder, **options):
    options = {"embedder": None, "now": FixedClock()} | options
    return await SqliteStore.open(folder / "membot.db", **options)


STORES = {"sqlite": open_sqlite}


@pytest.fixture(params=STORES)
def opener(request, tmp_path):
    """Opens the same database again and again."""

    async def open_again(**options):
        return await STORES[request.param](tmp_path, **options)

    return open_again


@pytest.fixture
async def store(opener):
    store = await opener()
    yield store
    await store.close()
