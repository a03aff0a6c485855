"""What search knows of a language: function words, words of time, months and days.

One TOML file a language; tables there go from a value to the words for it.

Knows no SQL and no store. A language that has no table here is searched all the same, by its
words as they are written; it only goes without stems, stop words and dates.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["Language", "languages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The words one language brings to search, all in lower case and without accents.

    Attributes:
        name: The name of its Snowball stemmer.
        stop_words: Words that carry no content, left out of a query.
        first_person: Words by which a speaker tells of themselves.
        time_words: Words that place something in time.
        when_questions: Beginnings or parts of questions that ask for a time.
        months: Month names and short forms, to 1-12.
        weekdays: Day names, to 0 (Monday) - 6.
        day_offsets: Phrases for a day near today, to days from today.
        units: Words for day, week, month and year, to "day", "week", "month" or "year".
        last: Words that put a unit or weekday in the past, "last".
        next: Words that put a unit or weekday in the future, "next".
        ago: Patterns with {n} (a number) and {unit}, "two weeks ago".
        numbers: Number words, to their value.
        ambiguous_months: Month names that are ordinary words too, trusted only beside a number
            or a preposition.
        month_prepositions: Words that make an ambiguous month a month.
    """

    name: str
    stop_words: frozenset[str]
    first_person: frozenset[str]
    time_words: frozenset[str]
    when_questions: tuple[str, ...]
    months: dict[str, int]
    weekdays: dict[str, int]
    day_offsets: dict[str, int]
    units: dict[str, str]
    last: tuple[str, ...]
    next: tuple[str, ...]
    ago: tuple[str, ...]
    numbers: dict[str, int]
    ambiguous_months: frozenset[str] = field(default=frozenset())
    month_prepositions: tuple[str, ...] = ()


_NAMES = ("english", "german", "french", "spanish")
_SETS = ("stop_words", "first_person", "time_words", "ambiguous_months")
_PHRASES = ("when_questions", "last", "next", "ago", "month_prepositions")
_NUMBERED = ("months", "weekdays", "day_offsets", "numbers")


@cache
def languages() -> tuple[Language, ...]:
    """Every language with a table; the first is used where none can be told."""
    return tuple(map(_load, _NAMES))


def _load(name: str) -> Language:
    text = files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    values: dict[str, Any] = {"name": name, "units": _by_word(table["units"], str)}
    values |= {key: frozenset(table.get(key, "").split()) for key in _SETS}
    values |= {key: tuple(table.get(key, ())) for key in _PHRASES}
    values |= {key: _by_word(table[key], int) for key in _NUMBERED}
    return Language(**values)


def _by_word(table: dict[str, list[str]], value_of: Callable[[str], Any]) -> dict[str, Any]:
    return {word: value_of(value) for value, words in table.items() for word in words}
