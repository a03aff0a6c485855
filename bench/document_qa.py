"""Questions about a corpus that is larger than the window: retrieved at once, or paged through.

    python -m bench.document_qa              # the scripted readers
    python -m bench.document_qa --model      # the endpoint of .env, answers judged by it
    python -m bench.document_qa --corpus passages.jsonl --questions questions.jsonl --model

The shape of MemGPT's figure 5 (arXiv 2310.08560, section 3.2.1): accuracy by how many documents are
retrieved. A model with a fixed context gets the first K in one prompt, each cut so that all fit;
the agent searches archival memory and pages on, so for it K makes no difference.
Without files of one's own the corpus is made up, so that no model knows it: a line of a corpus is
{"text": ...}, a line of questions {"question": ..., "answer": ...}.
"""

import argparse
import json
import tempfile
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
from bench.invented_towns import Asked, Gazetteer, make_gazetteer
from bench.scoring import contains, is_correct, judged, words
from bench.scripted_readers import Policy, Seen, search
from engine.chat_model import ChatModel, ModelReply, ModelRequest
from engine.context_window import cut_text
from engine.errors import BadRequest
from engine.records import ArchivalSearch, Scope
from engine.testing import call, say
from tests.engine.builders import dm_scope, event

WINDOW_TOKENS: Final = 8192
ARTICLES: Final = 600
QUESTIONS: Final = 50
RETRIEVED: Final = (1, 5, 10, 20, 50, 100, 200)
_CHARS_A_TOKEN: Final = 3
_SHARE_OF_PROMPT: Final = 2  # at most half of the window is documents, the rest is the task
PERSONA: Final = (
    "I answer questions from documents that lie in archival memory. The answer is always in them: "
    "I search, page on until I have found it, and do not answer before."
)
_CUES: Final = {"year": "founded", "who": "founded", "known": "known for", "high": "metres"}
_FILES: Final = (
    '--corpus and --questions are files with lines {"text": ...} and '
    '{"question": ..., "answer": ...}.'
)
READER_PROMPT: Final = "Answer the question from the documents, in a few words."


class Reader(Policy):
    """Looks for the article that is about what is asked, page by page."""

    def __init__(self, most_pages: int = 8) -> None:
        self._most_pages = most_pages

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Read documents that stand in the prompt, or search for them."""
        if request.system != READER_PROMPT:
            return await super().complete(request)
        text = json.loads(request.messages[-1])["content"]
        documents, _, question = text.rpartition("\nQuestion: ")
        return say(best_sentence(documents.split("\n\n"), question) or "I do not know.")

    def decide(self, seen: Seen) -> ModelReply:
        """Page on while no sentence answers."""
        question = seen.event
        texts = [hit["text"] for hit in seen.hits(question)]
        found = best_sentence(texts, question)
        page = seen.next_page(question)
        if not found and page is not None and page < self._most_pages:
            return search("archival_memory_search", question, page)
        return call("send_message", message=found or "I do not know.")


def best_sentence(texts: list[str], question: str) -> str:
    """What the article about the town in question says to it, where that is not cut off."""
    asked = words(question)
    cue = next(cue for word, cue in _CUES.items() if word in asked)
    own = [text for text in texts if words(text)[:1] and words(text)[0] in asked]
    sentences = (sentence for text in own for sentence in text.split(". "))
    return next((sentence for sentence in sentences if cue in sentence), "")


class Rivals:
    """Both ways to answer one question.

    Args:
        rig: The engine.
        scope: Whose archival memory holds the corpus.
        model: Answers.
        options: The window and whether a model judges.
    """

    def __init__(
        self, rig: EngineRig, scope: Scope, model: ModelUnderTest, options: argparse.Namespace
    ) -> None:
        self._rig = rig
        self._scope = scope
        self._model = model
        self._options = options

    async def in_one_prompt(self, asked: Asked, documents: int) -> str:
        """The first so many documents, each cut so that all fit the window."""
        found = ArchivalSearch(query=asked.question, page_size=documents)
        page = await self._rig.store.search_archival(self._scope, found)
        room = self._options.window * _CHARS_A_TOKEN // _SHARE_OF_PROMPT
        share = room // max(1, len(page.hits))
        shown = "\n\n".join(cut_text(hit.text, share) for hit in page.hits)
        content = f"{shown}\nQuestion: {asked.question}"
        request = ModelRequest(
            purpose="turn",
            system=READER_PROMPT,
            messages=(json.dumps({"role": "user", "content": content}, ensure_ascii=False),),
            max_output_tokens=200,
        )
        return (await self._model.complete(request)).content or ""

    async def by_paging(self, asked: Asked) -> str:
        """The agent, in a conversation of its own for each question."""
        await self._rig.store.start_conversation(self._scope, self._rig.clock())
        result = await self._rig.say(event(asked.question, scope=self._scope))
        return " ".join(result.replies)

    async def judge(self, asked: Asked, answer: str) -> dict[str, object]:
        """Whether it is right: by the model where it is a real one, else by the answer's words."""
        if not self._options.model:
            return {"right": contains(answer, asked.answer)}
        judge = await judged(self._model.model, asked.question, asked.answer, answer)
        return {"right": is_correct(judge), "judge": judge}


async def ask_all(
    rivals: Rivals, model: ModelUnderTest, corpus: Gazetteer, notes: Journal, retrieved: list[int]
) -> list[dict[str, object]]:
    """Every question both ways; one line of the table for each K."""
    right = dict.fromkeys((*retrieved, 0), 0)
    for asked in corpus.asked:
        for documents in right:
            model.start()
            paged = documents == 0
            answer = await (
                rivals.by_paging(asked) if paged else rivals.in_one_prompt(asked, documents)
            )
            prompt = model.last_prompt()
            judgement = await rivals.judge(asked, answer)
            right[documents] += bool(judgement["right"])
            notes.write(
                way="paging" if paged else f"{documents} documents in one prompt",
                question=asked.question,
                expected=asked.answer,
                answer=answer,
                prompt=prompt,
                **judgement,
            )
    share = {key: f"{100 * value / len(corpus.asked):.0f} %" for key, value in right.items()}
    return [
        {"documents_retrieved": documents, "in_one_prompt": share[documents], "paging": share[0]}
        for documents in retrieved
    ]


def read_corpus(options: argparse.Namespace) -> Gazetteer:
    """The files of the options, or the made-up gazetteer.

    Raises:
        BadRequest: They are not as they should be.
    """
    if not options.corpus:
        return make_gazetteer(options.articles, options.questions_asked)
    try:
        texts = tuple(line["text"] for line in _lines(options.corpus))
        asked = tuple(
            Asked(question=line["question"], answer=line["answer"], article="")
            for line in _lines(options.questions)
        )
    except (AttributeError, OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(_FILES) from error
    return Gazetteer(articles=texts, asked=asked)


def _lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


async def run(options: argparse.Namespace) -> list[dict[str, object]]:
    """Load the corpus and ask."""
    corpus = read_corpus(options)
    config = engine_config(options, PERSONA)
    answering: ChatModel = endpoint(config) if options.model else Reader()
    scope = dm_scope("reader")
    name = f"document_qa_{'model' if options.model else 'scripted'}"
    with tempfile.TemporaryDirectory() as folder, journal(name, options.out) as notes:
        async with (
            under_test(answering) as model,
            EngineRig(Path(folder) / "membot.db", model, config) as rig,
        ):
            await load(rig, scope, "gazetteer", corpus.articles)
            rivals = Rivals(rig, scope, model, options)
            return await ask_all(rivals, model, corpus, notes, options.retrieved)


def options_parser() -> argparse.ArgumentParser:
    """The options."""
    made = parser(__doc__, window=WINDOW_TOKENS)
    made.add_argument("--articles", type=int, default=ARTICLES)
    made.add_argument("--questions-asked", type=int, default=QUESTIONS)
    made.add_argument("--retrieved", type=int, nargs="+", default=list(RETRIEVED))
    made.add_argument("--corpus", type=Path)
    made.add_argument("--questions", type=Path)
    return made


def main() -> None:
    """Read the options, run and report."""
    options = options_parser().parse_args()
    finish("document_qa", run(options), options)


if __name__ == "__main__":
    main()
