"""Made-up people who talk over several sessions: what they told, and what is asked about it later.

Written for this project; the same for the same seed.
"""

import random
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """One thing about a person.

    Attributes:
        told: How it comes up.
        persona: The same as a line about oneself.
        question: Asked sessions later, in other words.
        values: What it may be.
    """

    told: str
    persona: str
    question: str
    values: tuple[str, ...]


_TRAITS: Final = (
    Trait(
        told="My tortoise {} escaped into the neighbour's garden again.",
        persona="I have a tortoise named {}.",
        question="I once complained about my tortoise. What do I call it?",
        values=("Biscuit", "Admiral", "Pepper", "Ludwig", "Marmalade", "Olga"),
    ),
    Trait(
        told="I got the job! From Monday on I work as a {}.",
        persona="I work as a {}.",
        question="We talked about the new job I got. What is it that I work as?",
        values=("locksmith", "beekeeper", "court clerk", "piano tuner", "crane driver", "baker"),
    ),
    Trait(
        told="My sister moved to {} last spring and loves it there.",
        persona="My sister lives in {}.",
        question="Remember my sister who moved away? Which place did she move to?",
        values=("Trieste", "Bergen", "Porto", "Ghent", "Tampere", "Galway"),
    ),
    Trait(
        told="I have started to learn the {}, my fingers hurt already.",
        persona="I am learning the {}.",
        question="My fingers hurt when I started to learn an instrument. Which one was it?",
        values=("mandolin", "harp", "cello", "banjo", "sitar", "lute"),
    ),
    Trait(
        told="I can't eat {}, I found out the hard way at a wedding.",
        persona="I am allergic to {}.",
        question="What was it that I can't eat, as I found out at that wedding?",
        values=("walnuts", "lobster", "celery", "sesame", "strawberries", "mustard"),
    ),
    Trait(
        told="For my holiday I want to walk along the {}.",
        persona="I dream of walking along the {}.",
        question="Where did I want to walk along in my holiday?",
        values=("Elbe", "Amalfi coast", "Hadrian's Wall", "Loire", "Great Ocean Road", "Danube"),
    ),
    Trait(
        told="The first record I ever bought was by {}.",
        persona="My first record was by {}.",
        question="Whom was the first record by that I ever bought?",
        values=("Nina Simone", "Blondie", "Johnny Cash", "Fela Kuti", "Kraftwerk", "Queen"),
    ),
    Trait(
        told="My grandfather built clocks in {}, we still have one.",
        persona="My grandfather was a clockmaker in {}.",
        question="In which town was it that my grandfather built clocks?",
        values=("Besançon", "Glashütte", "Leeds", "Zaandam", "Cremona", "Uppsala"),
    ),
)
_SMALL_TALK: Final = (
    "The weather has been odd this week.",
    "I slept badly, the street was loud.",
    "I finally cleaned the kitchen.",
    "There was a long queue at the post office.",
    "I watched a film about glaciers.",
    "My bicycle has a flat tyre.",
    "I made soup with whatever was left.",
    "The train was late by an hour.",
    "Someone repainted the bench in the park.",
    "I lost an umbrella, as always.",
    "The neighbours are having a party.",
    "I read half a novel and put it away.",
)
_REPLIES: Final = (
    "That sounds like quite a day.",
    "I see, and what came of it?",
    "Oh, I know what you mean.",
    "Good that you told me.",
    "I hope the rest of the week is quieter.",
    "Some days are like that.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with sessions behind them.

    Attributes:
        sessions: Lines with the answers they got.
        persona: What a reader of the sessions knows about them.
        answer: To the question; it was told in one of the sessions.
    """

    name: str
    sessions: tuple[tuple[tuple[str, str], ...], ...]
    persona: tuple[str, ...]
    question: str
    answer: str


def make_person(number: int, sessions: int, exchanges: int) -> Person:
    """A person who tells something about themselves in every session, among small talk."""
    rng = random.Random(number)
    traits = rng.sample(_TRAITS, sessions)
    values = [rng.choice(trait.values) for trait in traits]
    asked = rng.randrange(sessions)
    return Person(
        name=f"Visitor {number}",
        sessions=tuple(
            _session(rng, trait.told.format(value), exchanges)
            for trait, value in zip(traits, values, strict=True)
        ),
        persona=tuple(
            trait.persona.format(value) for trait, value in zip(traits, values, strict=True)
        ),
        question=traits[asked].question,
        answer=values[asked],
    )


def _session(rng: random.Random, told: str, exchanges: int) -> tuple[tuple[str, str], ...]:
    lines = rng.sample(_SMALL_TALK, exchanges - 1)
    lines.insert(rng.randrange(exchanges), told)
    return tuple((line, rng.choice(_REPLIES)) for line in lines)
