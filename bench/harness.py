"""What the memory harnesses share: a model under test, a corpus in memory, a journal of answers."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ulid import ULID

from bench.engine_rig import EngineRig
from bench.report import RESULTS, report
from bots.settings import load_settings
from engine.chat_model import ChatModel, ModelReply, ModelRequest
from engine.config import EngineConfig
from engine.errors import BadSettings, ContextOverflow, MembotError, ModelUnavailable
from engine.openai_model import OpenAIChatModel
from engine.records import Document, Passage, Scope


class ModelUnderTest:
    """A model that can be exchanged between questions, with the last request it was given.

    Args:
        model: Answers first.

    Attributes:
        requests: What it was asked since ``start``, summaries too.
    """

    is_demonstration = False

    def __init__(self, model: ChatModel) -> None:
        self.name = model.name
        self.model = model
        self.requests: list[ModelRequest] = []
        self._problem: ModelUnavailable | None = None

    @property
    def tools_as_text(self) -> bool:
        """As the model has it."""
        return self.model.tools_as_text

    def start(self, model: ChatModel | None = None) -> None:
        """Begin with a question; the prompts of the one before are forgotten."""
        self.model = model or self.model
        self.requests.clear()

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Pass it on, and remember."""
        self.requests.append(request)
        try:
            return await self.model.complete(request)
        except ContextOverflow:
            raise  # the engine makes room and asks again
        except ModelUnavailable as problem:
            if request.purpose == "turn":
                self._problem = problem
            raise

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Whoever made the model closes it."""

    def last_prompt(self) -> dict[str, Any]:
        """The last request of a turn; the queue is only appended to, so it holds the others.

        Raises:
            ModelUnavailable: It gave no answer, which is no wrong answer.
        """
        if self._problem:
            raise self._problem
        turns = [request for request in self.requests if request.purpose == "turn"]
        if not turns:
            return {}
        return {
            "system": turns[-1].system,
            "messages": [json.loads(it) for it in turns[-1].messages],
        }


@asynccontextmanager
async def under_test(model: ChatModel) -> AsyncIterator[ModelUnderTest]:
    """A model that is closed at the end."""
    try:
        yield ModelUnderTest(model)
    finally:
        await model.close()


class Journal:
    """One JSON object a line for every question: prompt, answer and judgement.

    Args:
        name: ``bench/results/<name>.jsonl``; the file is not part of the repository.
        folder: Where it goes.
    """

    def __init__(self, name: str, folder: Path = RESULTS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{name}.jsonl").open("w", encoding="utf-8")

    def write(self, **line: Any) -> None:  # noqa: ANN401 - any JSON value
        """Add a line; it is there even if the run is cut off."""
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()


@contextmanager
def journal(name: str, folder: Path) -> Iterator[Journal]:
    """A journal that is closed at the end."""
    opened = Journal(name, folder)
    try:
        yield opened
    finally:
        opened.close()


def parser(description: str | None, window: int = 4096) -> argparse.ArgumentParser:
    """The options that every harness has."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--model", action="store_true", help="ask the endpoint of .env instead of the script"
    )
    made.add_argument("--window", type=int, default=window, help="context window in tokens")
    made.add_argument("--out", type=Path, default=RESULTS, help="folder of the journal")
    return made


def engine_config(options: argparse.Namespace, persona: str = "") -> EngineConfig:
    """The engine's settings: those of ``.env`` for a real model, with the harness's window.

    Raises:
        BadSettings: No endpoint is named there.
    """
    settings = load_settings() if options.model else None
    if settings and settings.offline:
        raise BadSettings("--model asks an endpoint: set OPENAI_BASE_URL or OPENAI_API_KEY.")
    config = settings.engine_config() if settings else EngineConfig()
    memory = replace(config.memory, context_tokens=options.window)
    personas = {"default": persona} if persona else {}
    return replace(config, memory=memory, personas=personas)


def endpoint(config: EngineConfig) -> ChatModel:
    """The configured model."""
    return OpenAIChatModel(config.model)


async def load(rig: EngineRig, scope: Scope, name: str, texts: Iterable[str]) -> None:
    """Put passages into an agent's archival memory, by the verbs that ``membot load`` uses."""
    document_id, now = str(ULID()), rig.clock()
    passages = [
        Passage(id=str(ULID()), title=name, text=text, created_at=now, document_id=document_id)
        for text in texts
    ]
    document = Document(
        id=document_id,
        name=name,
        sha256="",
        size_bytes=sum(len(passage.text.encode()) for passage in passages),
        passages=len(passages),
        loaded_at=now,
    )
    await rig.store.add_document_part(scope, document, passages)
    await rig.store.publish_document(scope, document)


def finish(
    name: str, run: Coroutine[Any, Any, list[dict[str, object]]], options: argparse.Namespace
) -> None:
    """Run to the table; a run with a real model leaves the figures of the script alone."""
    try:
        rows = asyncio.run(run)
    except MembotError as problem:
        sys.exit(f"{problem.sentence} There is no table; what was answered is in {options.out}.")
    report(f"{name}_model" if options.model else name, rows)
