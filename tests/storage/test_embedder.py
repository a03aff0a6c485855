"""The embedder: a child process that comes, goes, dies and comes back."""

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from storage import embedding_worker
from storage.embedder import ChildEmbedder, EmbedderLimits, NoVectorsError
from storage.embedding_child import ChildCommand, ChildDiedError, EmbeddingChild
from storage.embedding_worker import (
    NoModelError,
    check_weights,
    find_model,
    read_frame,
    write_frame,
)
from storage.sqlite.embedding import EmbeddingIndexer
from tests.storage.search_memory import ArchivalMemory, RecallMemory, embed

ECHO = Path(__file__).with_name("echo_worker.py")


@pytest.fixture
async def make():
    made: list[ChildEmbedder] = []

    def make_one(model: str = "echo", *, installed: bool = True, **limits) -> ChildEmbedder:
        command = ChildCommand(model=model, worker=ECHO)
        embedder = ChildEmbedder(command, EmbedderLimits(**limits), installed=lambda: installed)
        made.append(embedder)
        return embedder

    yield make_one
    for embedder in made:
        await embedder.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class TestStarting:
    async def test_a_query_gets_nothing_at_once_while_no_model_is_loaded(self, make):
        embedder = make()
        assert await embedder.embed_query("hello") is None
        assert not embedder.ready

    async def test_the_first_query_starts_the_model_for_the_next_one(self, make):
        embedder = make()
        await embedder.embed_query("hello")
        await embedder.warm_up()
        assert embedder.ready
        vector = await embedder.embed_query("hello")
        assert vector is not None
        assert vector[0] == 5

    async def test_nothing_runs_before_it_is_needed(self, make):
        assert make().pid is None

    async def test_many_texts_come_back_in_order(self, make):
        vectors = await make(batch_texts=3).embed(["x" * count for count in range(10)])
        assert vectors[:, 0].tolist() == list(range(10))
        assert vectors.dtype == np.float32

    async def test_no_texts_need_no_model(self, make):
        embedder = make()
        assert len(await embedder.embed([])) == 0
        assert embedder.pid is None

    async def test_the_child_sees_none_of_our_environment(self, make, monkeypatch):
        monkeypatch.setenv("MEMBOT_SECRET", "heliotrope")
        embedder = make()
        await embedder.warm_up()
        seen = Path(f"/proc/{embedder.pid}/environ")
        if not seen.exists():
            pytest.skip("no /proc here")
        assert b"heliotrope" not in seen.read_bytes()
        assert b"HF_HUB_OFFLINE=1" in seen.read_bytes()


class TestWithoutAModel:
    async def test_the_missing_extra_is_said_in_one_sentence(self, make):
        embedder = make(installed=False)
        assert await embedder.embed_query("hello") is None
        assert embedder.problem == "No search by meaning: the embeddings extra is not installed."
        with pytest.raises(NoVectorsError, match="extra is not installed"):
            await embedder.embed(["hello"])

    async def test_a_model_that_cannot_be_loaded_says_why(self, make):
        embedder = make("broken")
        with pytest.raises(NoVectorsError, match="weights are gone"):
            await embedder.embed(["hello"])
        assert embedder.problem == "The weights are gone."
        assert await embedder.embed_query("hello") is None

    async def test_a_model_that_cannot_be_loaded_is_left_in_peace_for_a_while(self, make):
        embedder = make("broken")
        for _ in range(2):
            with pytest.raises(NoVectorsError):
                await embedder.embed(["hello"])
        assert embedder.starts == 1

    async def test_it_is_tried_again_after_that_while(self, make):
        embedder = make("broken", restart_seconds=0)
        for _ in range(2):
            with pytest.raises(NoVectorsError):
                await embedder.embed(["hello"])
        assert embedder.starts == 2

    async def test_a_child_that_ends_without_a_word_is_given_up(self, make):
        embedder = make("mute", max_deaths=2)
        with pytest.raises(NoVectorsError, match="keeps ending"):
            await embedder.embed(["hello"])
        assert embedder.starts == 2


class TestDying:
    async def test_a_killed_child_is_started_again_for_the_same_work(self, make):
        embedder = make()
        before = (await embedder.embed(["hello"]))[0, 1]
        os.kill(embedder.pid, signal.SIGKILL)
        after = (await embedder.embed(["hello"]))[0, 1]
        assert before != after
        assert embedder.problem is None

    async def test_a_text_that_kills_it_is_refused_and_others_go_on(self, make):
        embedder = make(restart_seconds=0)
        with pytest.raises(NoVectorsError):
            await embedder.embed(["die"])
        assert len(await embedder.embed(["live"])) == 1

    async def test_closing_ends_the_child(self, make):
        embedder = make()
        await embedder.warm_up()
        pid = embedder.pid
        await embedder.close()
        assert not alive(pid)
        with pytest.raises(NoVectorsError):
            await embedder.embed(["hello"])

    async def test_closing_ends_those_who_wait(self, make):
        embedder = make()
        waiting = asyncio.create_task(embedder.embed(["slow"]))
        await embedder.embed(["ready"])
        await embedder.close()
        with pytest.raises(NoVectorsError):
            await waiting

    async def test_an_idle_child_ends_and_comes_back(self, make):
        embedder = make(idle_seconds=0.01)
        first = (await embedder.embed(["hello"]))[0, 1]
        await asyncio.wait_for(embedder.idle(), 10)
        assert not embedder.ready
        assert (await embedder.embed(["hello"]))[0, 1] != first


class TestUrgency:
    async def test_a_query_goes_before_the_batches_that_wait(self, make):
        embedder = make(batch_texts=1)
        await embedder.warm_up()
        order: list[str] = []

        async def background(number: int) -> None:
            await embedder.embed(["slow"])
            order.append(f"batch {number}")

        batches = [asyncio.create_task(background(number)) for number in range(3)]
        await asyncio.sleep(0)
        await embedder.embed_query("now")
        order.append("query")
        await asyncio.gather(*batches)
        assert order.index("query") <= 1

    async def test_a_query_that_takes_too_long_goes_without(self, make):
        embedder = make(query_seconds=0.01)
        await embedder.warm_up()
        assert await embedder.embed_query("slow") is None
        assert await embedder.embed(["hello"]) is not None

    async def test_the_event_loop_is_never_blocked(self, make):
        embedder = make()
        longest, last = 0.0, time.perf_counter()
        work = asyncio.create_task(embedder.embed(["slow"]))
        while not work.done():
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        assert longest < 0.2


class TestChild:
    async def test_a_dead_child_is_told_apart_from_an_answer(self):
        child = await EmbeddingChild.start(ChildCommand(model="echo", worker=ECHO))
        with pytest.raises(ChildDiedError):
            await child.embed(["die"])
        await child.stop()

    def test_ends_when_the_bot_is_killed(self):
        child = subprocess.Popen(
            [sys.executable, str(ECHO), "echo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        child.stdin.close()
        assert child.wait(10) == 0
        child.stdout.close()


class TestWorker:
    """The real worker's parts, with an encoder in place of the heavy one."""

    class Encoder:
        def encode(self, texts, **_):
            return np.array([[len(text), 1] for text in texts], dtype=np.float32)

    def serve(self, monkeypatch, *requests: dict) -> tuple[int, bytes]:
        monkeypatch.setattr(embedding_worker, "load", lambda _: self.Encoder())
        source, target = io.BytesIO(), io.BytesIO()
        for request in requests:
            write_frame(source, request)
        source.seek(0)
        return embedding_worker.serve(str(Path(__file__).parent), None, source, target), target

    def test_answers_until_its_input_ends(self, monkeypatch):
        status, target = self.serve(monkeypatch, {"texts": ["abc", "de"]}, {"texts": ["f"]})
        target.seek(0)
        answers = [read_frame(target) for _ in range(4)]
        assert status == 0
        assert answers == [{"ready": True}, {"shape": [2, 2]}, {"shape": [1, 2]}, None]

    def test_says_what_is_wrong_with_a_model(self):
        target = io.BytesIO()
        assert embedding_worker.serve("no/such-model", None, io.BytesIO(), target) == 1
        target.seek(0)
        problem = read_frame(target)["problem"]
        assert problem == "The embedding model no/such-model is neither cached nor installed."

    def test_takes_weights_with_the_right_hash_only(self, tmp_path):
        weights = tmp_path / "model.safetensors"
        weights.write_bytes(b"weights")
        check_weights(weights, hashlib.sha256(b"weights").hexdigest())
        with pytest.raises(NoModelError, match="not the published file"):
            check_weights(weights, embedding_worker.MINILM_SHA256)
        with pytest.raises(NoModelError, match="has no"):
            check_weights(tmp_path / "other.safetensors", "")

    def test_checks_the_installed_package(self, tmp_path, monkeypatch):
        package = tmp_path / embedding_worker.MINILM_PACKAGE
        (package / "model").mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "model" / "model.safetensors").write_bytes(b"tampered")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(embedding_worker, "_cached", lambda *_: None)
        with pytest.raises(NoModelError, match="not the published file"):
            find_model(embedding_worker.MINILM, None)

    def test_takes_a_folder_as_it_is(self, tmp_path):
        assert find_model(str(tmp_path), None) == tmp_path


class FixedEmbedder:
    """Vectors at once, in this process."""

    ready = True
    problem = None

    def __init__(self, model: str = "fixed") -> None:
        self.model = model
        self.broken = False

    async def embed(self, texts):
        if self.broken:
            raise NoVectorsError("broken")
        return np.array([embed(text) for text in texts])

    async def embed_query(self, text):
        return embed(text)

    async def close(self):
        pass


class TestIndexer:
    @pytest.fixture
    def memory(self, tmp_path):
        memory = RecallMemory(tmp_path / "memory.db")
        yield memory
        memory.connection.close()

    def indexer(self, memory, embedder) -> EmbeddingIndexer:
        async def run(work):
            with memory.connection:
                return work(memory.connection)

        return EmbeddingIndexer(read=run, write=run, embedder=embedder, indexes=[memory.index])

    def waiting(self, memory) -> int:
        return len(memory.index.pending(memory.connection, 10_000))

    async def test_embeds_everything_that_waits(self, memory):
        memory.chatter(200)
        assert await self.indexer(memory, FixedEmbedder()).drain() == 200
        assert self.waiting(memory) == 0

    async def test_embeds_passages_with_their_title(self, tmp_path):
        archive = ArchivalMemory(tmp_path / "archive.db")
        seq = archive.keep("It is tall.", title="Eiffel Tower")
        await self.indexer(archive, FixedEmbedder("test-model")).drain()
        found = archive.index.nearest(
            archive.connection, "a", "test-model", embed("Eiffel Tower\nIt is tall.")
        )
        assert found == (seq, pytest.approx(1, abs=0.01))
        archive.connection.close()

    async def test_embeds_anew_for_another_model(self, memory):
        memory.say("tea")
        await self.indexer(memory, FixedEmbedder("older")).drain()
        assert await self.indexer(memory, FixedEmbedder("newer")).drain() == 1
        assert await self.indexer(memory, FixedEmbedder("newer")).drain() == 0

    async def test_works_when_it_is_woken(self, memory):
        indexer = self.indexer(memory, FixedEmbedder())
        running = asyncio.create_task(indexer.run())
        memory.say("tea")
        indexer.wake()
        async with asyncio.timeout(10):
            while self.waiting(memory):
                await asyncio.sleep(0)
        running.cancel()

    async def test_rests_without_a_model_and_goes_on_with_one(self, memory):
        embedder = FixedEmbedder()
        embedder.broken = True
        indexer = self.indexer(memory, embedder)
        memory.say("tea")
        running = asyncio.create_task(indexer.run())
        for _ in range(20):
            await asyncio.sleep(0)
        assert self.waiting(memory) == 1
        embedder.broken = False
        indexer.wake()
        async with asyncio.timeout(10):
            while self.waiting(memory):
                await asyncio.sleep(0)
        running.cancel()


@pytest.mark.skipif(
    not Path(sys.executable).exists()
    or not __import__("importlib.util").util.find_spec("sentence_transformers"),
    reason="needs the embeddings extra",
)
async def test_the_real_model_puts_like_beside_like():
    embedder = ChildEmbedder(ChildCommand(model=embedding_worker.MINILM))
    vectors = await embedder.embed(["a kitten sleeps", "the cat is asleep", "tax law of 1954"])
    await embedder.close()
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert not {"torch", "sentence_transformers"} & set(sys.modules)
