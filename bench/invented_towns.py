"""A made-up gazetteer: articles that resemble each other, each with one fact asked for.

Nothing in it is true, so that no model knows an answer beforehand; the same for the same seed.
"""

import random
from dataclasses import dataclass
from typing import Final

_STARTS: Final = [
    "Ar",
    "Bel",
    "Cor",
    "Dun",
    "El",
    "Fal",
    "Gor",
    "Hel",
    "Il",
    "Jar",
    "Kel",
    "Lor",
    "Mer",
    "Nor",
    "Or",
    "Pel",
    "Quor",
    "Ros",
    "Sel",
    "Tor",
]
_MIDDLES: Final = ["a", "e", "i", "o", "u", "an", "el", "in", "or", "un"]
_ENDS: Final = ["vik", "mouth", "stead", "ford", "haven", "by", "field", "wick", "dale", "minster"]
_SITES: Final = (
    "on a bend of the river {other}",
    "in the lee of the {other} hills",
    "where the road from {other} meets the coast",
    "at the northern end of Lake {other}",
)
_TRADES: Final = [
    "salt",
    "rope",
    "glass",
    "clocks",
    "cheese",
    "boats",
    "paper",
    "bells",
    "dye",
    "tiles",
    "honey",
    "lace",
]
_PERSONS: Final = (
    "a shipwright", "a widow", "a beekeeper", "two brothers", "a bishop", "a retired sailor",
    "a miller", "an astronomer", "a company of weavers", "a ferryman",
)  # fmt: skip
_FILLERS: Final = (
    "Its market is held every second Thursday and draws people from the villages around.",
    "The old town hall burned down twice and was rebuilt each time with a lower roof.",
    "Most houses have slate roofs, and many of them still face away from the wind.",
    "A narrow railway once ran through it; the station is a library today.",
    "In winter the fog can stay for a week, which the inhabitants are said to be proud of.",
    "There are three schools, one theatre and a museum that opens on Sundays only.",
)
_MENTIONED: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, its answer and the article that holds it."""

    question: str
    answer: str
    article: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gazetteer:
    """Articles and what is asked about them."""

    articles: tuple[str, ...]
    asked: tuple[Asked, ...]


def make_gazetteer(articles: int, questions: int, seed: int = 7) -> Gazetteer:
    """So many towns, and questions about some of them."""
    rng = random.Random(seed)
    names = [f"{start}{middle}{end}" for start in _STARTS for middle in _MIDDLES for end in _ENDS]
    rng.shuffle(names)
    towns = names[:articles]
    made = [_article(rng, name, rng.sample(towns, _MENTIONED)) for name in towns]
    asked = [_question(rng, *one) for one in rng.sample(made, questions)]
    return Gazetteer(articles=tuple(text for text, _ in made), asked=tuple(asked))


def _article(rng: random.Random, name: str, others: list[str]) -> tuple[str, dict[str, str]]:
    """An article, and its facts.

    It names other towns as often as itself, so that a search for a town finds many that only
    mention it; what is asked for stands at its end, where a cut document has lost it.
    """
    near, *twins = others
    facts = {
        "name": name,
        "year": str(rng.randint(1050, 1890)),
        "founder": rng.choice(_PERSONS),
        "trade": rng.choice(_TRADES),
        "height": str(rng.randint(3, 1900)),
    }
    sentences = [
        f"{name} is a town {rng.choice(_SITES).format(other=near)}.",
        *rng.sample(_FILLERS, 3),
        f"Its twin towns are {', '.join(twins)}.",
        f"It was founded in {facts['year']} by {facts['founder']}.",
        f"It is known for its {facts['trade']}, and lies {facts['height']} metres high.",
    ]
    return " ".join(sentences), facts


def _question(rng: random.Random, article: str, facts: dict[str, str]) -> Asked:
    question, answer = rng.choice(
        [
            (f"In which year was {facts['name']} founded?", facts["year"]),
            (f"Who founded the town of {facts['name']}?", facts["founder"]),
            (f"What is the town of {facts['name']} known for?", facts["trade"]),
            (f"How many metres high does {facts['name']} lie?", facts["height"]),
        ]
    )
    return Asked(question=question, answer=answer, article=article)
