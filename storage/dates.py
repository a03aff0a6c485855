"""Which days and months a text speaks of, and which a query asks for.

Knows no SQL. A date becomes search terms, each with a letter in front that says what it is:
``m2023_05`` a month, ``n05`` that month of any year, ``d2023_05_08`` a day, ``e05_08`` that day
of any year. Texts are stored under all terms of their dates; a query asks for the narrowest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from storage.languages import Language, languages
from storage.words import fold

__all__ = ["AskedDates", "asked_dates", "asks_when", "date_terms", "holds_time", "spoken_terms"]

_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"(\d{1,4})(?:st|nd|rd|th|er|te|ten)?")
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_DOTTED = re.compile(r"\b(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})\b")
_FILLERS = frozenset(("of", "the", "de", "del", "den", "dem"))
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_DAYS_A_WEEK = 7
_MONTHS_A_YEAR = 12
_MAX_DAY = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDates:
    """The terms a query's dates are stored under; both empty when it names none."""

    months: tuple[str, ...] = ()
    days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mention:
    month: int
    year: int | None = None
    day: int | None = None


def date_terms(day: date) -> list[str]:
    """Every term of a known day."""
    return [*_month_terms(day.year, day.month), *_day_terms(day)]


def spoken_terms(text: str, said: date) -> frozenset[str]:
    """The terms of every date a text speaks of, seen from the day it was said."""
    found: set[str] = set()
    for mention in _mentions(text, said):
        year = mention.year or _nearest_year(mention.month, said)
        found.update(_month_terms(year, mention.month))
        day = _valid_date(year, mention.month, mention.day)
        if day is not None:
            found.update(_day_terms(day))
    return frozenset(found)


def asked_dates(query: str, today: date | None = None) -> AskedDates:
    """The dates a query names; "yesterday" and the like only when `today` is given."""
    months: dict[str, None] = {}
    days: dict[str, None] = {}
    for mention in _mentions(query, today):
        prefix = f"n{mention.month:02}" if mention.year is None else _month(mention)
        months[prefix] = None
        if mention.day is not None and mention.year is not None:
            days[f"d{mention.year:04}_{mention.month:02}_{mention.day:02}"] = None
        elif mention.day is not None:
            days[f"e{mention.month:02}_{mention.day:02}"] = None
    return AskedDates(months=tuple(months), days=tuple(days))


def asks_when(query: str) -> bool:
    """Whether a query wants to know a time."""
    padded = f" {' '.join(_WORD.findall(fold(query)))} "
    return any(
        f" {phrase} " in padded for language in languages() for phrase in language.when_questions
    )


def holds_time(text: str) -> bool:
    """Whether a text has a word of time in it, in any language known here."""
    return not _time_words().isdisjoint(_WORD.findall(fold(text)))


@lru_cache(maxsize=1)
def _time_words() -> frozenset[str]:
    return frozenset().union(*(language.time_words for language in languages()))


def _month(mention: _Mention) -> str:
    return f"m{mention.year:04}_{mention.month:02}"


def _month_terms(year: int, month: int) -> list[str]:
    return [f"m{year:04}_{month:02}", f"n{month:02}"]


def _day_terms(day: date) -> list[str]:
    return [f"d{day.year:04}_{day.month:02}_{day.day:02}", f"e{day.month:02}_{day.day:02}"]


def _valid_date(year: int, month: int, day: int | None) -> date | None:
    if day is None:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _nearest_year(month: int, said: date) -> int:
    """The year in which this month lies nearest to the day it was said."""
    distance = month - said.month
    half = _MONTHS_A_YEAR // 2
    return said.year - (distance > half) + (distance < -half)


def _mentions(text: str, said: date | None) -> Iterator[_Mention]:
    folded = fold(text)
    yield from _written_dates(folded)
    tokens = _WORD.findall(folded)
    for language in _languages_of(tokens):
        yield from _month_names(tokens, language)
        if said is not None:
            yield from _relative(tokens, language, said)


def _languages_of(tokens: list[str]) -> list[Language]:
    """The language of most function words; all of them where there is no such word."""
    counts = {
        language.name: sum(token in language.stop_words for token in tokens)
        for language in languages()
    }
    most = max(counts.values())
    return [item for item in languages() if counts[item.name] == most]


def _written_dates(folded: str) -> Iterator[_Mention]:
    """2023-05-08 and 8.5.2023. With slashes day and month cannot be told apart."""
    for year, month, day in _ISO.findall(folded):
        yield from _checked(int(year), int(month), int(day))
    for day, month, year in _DOTTED.findall(folded):
        yield from _checked(int(year), int(month), int(day))


def _checked(year: int, month: int, day: int) -> Iterator[_Mention]:
    if _valid_date(year, month, day) is not None:
        yield _Mention(year=year, month=month, day=day)


def _month_names(tokens: list[str], language: Language) -> Iterator[_Mention]:
    for at, token in enumerate(tokens):
        month = language.months.get(token)
        if month is None:
            continue
        day = _day_beside(tokens, at)
        year = _year_after(tokens, at)
        certain = day is not None or year is not None or token not in language.ambiguous_months
        if certain or (at and tokens[at - 1] in language.month_prepositions):
            yield _Mention(month=month, year=year, day=day)


def _day_beside(tokens: list[str], at: int) -> int | None:
    """The day number before ("8 May", "8th of May") or after ("May 8") a month."""
    before = at - 1
    while before >= 0 and tokens[before] in _FILLERS:
        before -= 1
    for place in (before, at + 1):
        number = _number(tokens, place)
        if number is not None and 1 <= number <= _MAX_DAY:
            return number
    return None


def _year_after(tokens: list[str], at: int) -> int | None:
    """A year among the three words after a month, "May 8 of 2023"."""
    for place in range(at + 1, at + 4):
        number = _number(tokens, place)
        if number is not None and _FIRST_YEAR <= number <= _LAST_YEAR:
            return number
    return None


def _number(tokens: list[str], at: int) -> int | None:
    if not 0 <= at < len(tokens):
        return None
    match = _NUMBER.fullmatch(tokens[at])
    return int(match[1]) if match else None


def _relative(tokens: list[str], language: Language, said: date) -> Iterator[_Mention]:
    joined = " ".join(tokens)
    for match in _offset_pattern(language.name).finditer(joined):
        yield _of_day(said, language.day_offsets[match[0]])
    for match in _ago_pattern(language.name).finditer(joined):
        groups = [group for group in match.groups() if group is not None]
        count = language.numbers.get(groups[0]) or int(groups[0])
        yield from _units_away(said, language.units[groups[1]], -count)
    for match in _turn_pattern(language.name).finditer(joined):
        yield from _last_or_next(match[0].split(), language, said)


def _last_or_next(words: list[str], language: Language, said: date) -> Iterator[_Mention]:
    """A day or month counted from now: last Friday, next month, la semana pasada."""
    forward = any(word in language.next for word in words)
    for word in words:
        if word in language.weekdays:
            yield _weekday(said, language.weekdays[word], forward=forward)
        elif word in language.units:
            yield from _units_away(said, language.units[word], 1 if forward else -1)


def _weekday(said: date, weekday: int, *, forward: bool) -> _Mention:
    back = (said.weekday() - weekday) % _DAYS_A_WEEK or _DAYS_A_WEEK
    ahead = (weekday - said.weekday()) % _DAYS_A_WEEK or _DAYS_A_WEEK
    return _of_day(said, ahead if forward else -back)


def _of_day(said: date, days: int) -> _Mention:
    try:
        day = said + timedelta(days=days)
    except OverflowError:
        day = said
    return _Mention(year=day.year, month=day.month, day=day.day)


def _units_away(said: date, unit: str, count: int) -> Iterator[_Mention]:
    """The day for days, the month for weeks and months; years are too vague to say which."""
    if unit == "day":
        yield _of_day(said, count)
    elif unit == "week":
        found = _of_day(said, count * _DAYS_A_WEEK)
        yield _Mention(year=found.year, month=found.month)
    elif unit == "month":
        year, month = divmod(said.year * _MONTHS_A_YEAR + said.month - 1 + count, _MONTHS_A_YEAR)
        yield _Mention(year=max(year, 1), month=month + 1)


@lru_cache(maxsize=8)
def _language(name: str) -> Language:
    return next(item for item in languages() if item.name == name)


@lru_cache(maxsize=8)
def _offset_pattern(name: str) -> re.Pattern[str]:
    """Longest first, so that "the day before yesterday" is not yesterday."""
    phrases = sorted(_language(name).day_offsets, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b")


@lru_cache(maxsize=8)
def _ago_pattern(name: str) -> re.Pattern[str]:
    language = _language(name)
    number = rf"({'|'.join(language.numbers)}|\d{{1,3}})"
    unit = rf"({'|'.join(language.units)})"
    patterns = (form.replace("{n}", number).replace("{unit}", unit) for form in language.ago)
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b")


@lru_cache(maxsize=8)
def _turn_pattern(name: str) -> re.Pattern[str]:
    """A word for last or next beside a unit or weekday, whichever comes first."""
    language = _language(name)
    turn = "|".join((*language.last, *language.next))
    thing = "|".join((*language.units, *language.weekdays))
    return re.compile(rf"\b(?:(?:{turn}) (?:{thing})|(?:{thing}) (?:{turn}))\b")
