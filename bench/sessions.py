"""Talk over several sessions, then a question about an early one, and a greeting that remembers.

    python -m bench.sessions              # the scripted policy
    python -m bench.sessions --model      # the endpoint of .env, answers judged by it

The shape of MemGPT's tables 2 and 3 (arXiv 2310.08560, section 3.1): deep memory retrieval, scored
by a judge and by ROUGE-L recall, and conversation openers, scored by how near they come to what is
known about the person (SIM-1, SIM-3; here by words, which needs no model). People and sessions are
made up by ``bench/invented_people.py``. The sessions are fed through the engine with their own
answers, in a window that the early ones have left by then; only questions and greetings are the
model's. Row "window only" is the same without the search tools: summary and queue alone.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
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
    parser,
    under_test,
)
from bench.invented_people import Person, make_person
from bench.scoring import contains, is_correct, judged, likeness, mean, mean_of_best, rouge_l
from bench.scripted_readers import Policy, Seen, search
from engine.chat_model import ChatModel, ModelReply, ModelRequest
from engine.records import Scope
from engine.testing import FixedClock, call
from tests.engine.builders import dm_scope, event

PEOPLE: Final = 30
SESSIONS: Final = 5
EXCHANGES: Final = 8
_PAUSE: Final = timedelta(days=3)  # shorter than what brings an agent a login of its own
_ABOUT_THEM: Final = "I have my work learning live dream sister"
_SPOKEN_OF: Final = 3


class Partner(Policy):
    """Gives the answers of the sessions.

    Args:
        background: Makes summaries.
    """

    def __init__(self, background: ChatModel) -> None:
        self.next_reply = ""
        self._background = background

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The next answer; a summary is the other model's."""
        if request.purpose != "turn":
            return await self._background.complete(request)
        return await super().complete(request)

    def decide(self, seen: Seen) -> ModelReply:
        """What the session says."""
        return call("send_message", message=self.next_reply)


class WithoutSearch:
    """A model that is not offered any search."""

    is_demonstration = False

    def __init__(self, model: ChatModel) -> None:
        self.name = f"{model.name}, window only"
        self.tools_as_text = model.tools_as_text
        self._model = model

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Pass on what is left of the request."""
        tools = tuple(tool for tool in request.tools if "search" not in tool.name)
        return await self._model.complete(replace(request, tools=tools))

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Whoever made the model closes it."""


class Rememberer(Policy):
    """Answers with the line it finds most like the question; greets with what it has been told."""

    def decide(self, seen: Seen) -> ModelReply:
        """Search once, page on while nobody but the agent itself is found, then speak."""
        query = seen.event or _ABOUT_THEM
        page = seen.next_page(query)
        lines = [hit["text"] for hit in seen.hits(query) if hit["who"].startswith("Visitor")]
        if seen.can_search and not lines and page is not None:
            return search("conversation_search", query, page)
        in_sight = [line for line in seen.lines if line and line != seen.event]
        best = sorted(lines or in_sight, key=lambda line: -likeness(line, query))
        spoken_of = best[:1] if seen.event else best[:_SPOKEN_OF]
        told = " ".join(spoken_of) or "nothing that I can see"
        return call("send_message", message=f"You told me: {told}")


async def talk(rig: EngineRig, model: ModelUnderTest, person: Person, scope: Scope) -> None:
    """Every session, a few days apart."""
    partner = Partner(model.model)
    model.start(partner)
    for session in person.sessions:
        rig.clock.advance(_PAUSE)
        for line, reply in session:
            partner.next_reply = reply
            said = event(line, scope=scope, name=person.name, sent_at=rig.clock.advance(60))
            await rig.say(said)
    rig.clock.advance(_PAUSE)


async def ask(
    rig: EngineRig, model: ModelUnderTest, person: Person, scope: Scope, *, judge: ChatModel | None
) -> dict[str, object]:
    """The question about an early session, with how good the answer is."""
    said = event(person.question, scope=scope, name=person.name, sent_at=rig.clock.advance(60))
    answer = " ".join((await rig.say(said)).replies)
    prompt, judgement = model.last_prompt(), ""
    right = contains(answer, person.answer)
    if judge:
        judgement = await judged(judge, person.question, person.answer, answer)
        right = is_correct(judgement)
    return {
        "question": person.question,
        "expected": person.answer,
        "answer": answer,
        "right": right,
        "judge": judgement,
        "rouge_l": round(rouge_l(answer, person.answer), 3),
        "prompt": prompt,
    }


async def greet(
    rig: EngineRig, model: ModelUnderTest, person: Person, scope: Scope
) -> dict[str, object]:
    """The person comes back and says nothing; how near the greeting comes to who they are."""
    came = event("", scope=scope, name=person.name, kind="login", sent_at=rig.clock.advance(60))
    opener = " ".join((await rig.say(came)).replies)
    return {
        "opener": opener,
        "persona": person.persona,
        "sim_1": round(mean_of_best(opener, person.persona, 1), 3),
        "sim_3": round(mean_of_best(opener, person.persona, 3), 3),
        "opener_prompt": model.last_prompt(),
    }


async def measure(
    way: str, wrap: Callable[[ChatModel], ChatModel], options: argparse.Namespace, notes: Journal
) -> dict[str, object]:
    """Everybody's question and greeting, answered in one way; a line of the table."""
    config = engine_config(options)
    answering: ChatModel = endpoint(config) if options.model else Rememberer()
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        clock = FixedClock()
        async with (
            under_test(answering) as model,
            EngineRig(Path(folder) / "membot.db", model, config, clock=clock) as rig,
        ):
            for number in range(options.people):
                person = make_person(number, options.sessions, options.exchanges)
                scope = dm_scope(f"visitor{number}")
                model.start(answering)
                await talk(rig, model, person, scope)
                model.start(wrap(answering))
                judge = answering if options.model else None
                outcome = await ask(rig, model, person, scope, judge=judge)
                model.start()
                outcome |= await greet(rig, model, person, scope)
                notes.write(way=way, model=model.name, person=person.name, **outcome)
                outcomes.append(outcome)
    return line(way, outcomes)


def line(way: str, outcomes: list[dict[str, object]]) -> dict[str, object]:
    """Means over all people."""
    means = {
        key: mean([float(one[key]) for one in outcomes])
        for key in ("right", "rouge_l", "sim_1", "sim_3")
    }
    return {
        "way": way,
        "people": len(outcomes),
        "accuracy": f"{100 * means['right']:.1f} %",
        "rouge_l_recall": round(means["rouge_l"], 3),
        "opener_sim_1": round(means["sim_1"], 3),
        "opener_sim_3": round(means["sim_3"], 3),
    }


async def run(options: argparse.Namespace) -> list[dict[str, object]]:
    """With memory and without."""
    with journal(f"sessions_{'model' if options.model else 'scripted'}", options.out) as notes:
        return [
            await measure("memory", lambda model: model, options, notes),
            await measure("window only", WithoutSearch, options, notes),
        ]


def options_parser() -> argparse.ArgumentParser:
    """The options."""
    made = parser(__doc__)
    made.add_argument("--people", type=int, default=PEOPLE)
    made.add_argument("--sessions", type=int, default=SESSIONS)
    made.add_argument("--exchanges", type=int, default=EXCHANGES)
    return made


def main() -> None:
    """Read the options, run and report."""
    options = options_parser().parse_args()
    finish("sessions", run(options), options)


if __name__ == "__main__":
    main()
