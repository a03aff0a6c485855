"""Turns text into the words that search compares: folded, stemmed, cut where no spaces are.

Knows no SQL. The same functions serve what is stored and what is asked, so that both meet.

A text is stored under these terms, each with a letter in front that says what it is:

* ``w`` a word or its stem ("hiking" and "hikes" are both ``whike``);
* ``i`` an identifier kept whole ("a1b2-c3" is ``ia1b2_c3`` besides its words);
* ``g`` a pair of neighbouring characters, or a single one, of a script without spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import islice

from storage.languages import Language, languages

__all__ = [
    "QueryWord",
    "fold",
    "language_bit",
    "language_of",
    "query_identifiers",
    "query_words",
    "speaks_of_self",
    "terms",
]

# Scripts written without spaces between words, and Korean, whose particles cling to the word:
# Thai, Lao, Burmese, Khmer; Hangul; kana; Han. Pairs of characters rather than trigrams: most
# Chinese words have two characters, and a trigram index cannot find those.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u1100-\u11ff\uac00-\ud7af"
    "\u3041-\u30ff\u31f0-\u31ff"
    "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
_TOKEN = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_UNSPACED_RUN = re.compile(rf"[{_UNSPACED}]+")
# Joined by these signs and holding a digit: UUIDs, versions, addresses, order numbers.
_IDENTIFIER = re.compile(r"[^\W_]+(?:[-_.:/@+#][^\W_]+)+")
_DIGIT = re.compile(r"\d")
_SEPARATORS = re.compile(r"[-_.:/@+#]")
_LATIN_MARKS = re.compile(r"[\u0300-\u036f]+")
# Long enough for any word; a pasted blob must not become one enormous term.
_MAX_TERM_CHARS = 64
_MOST_QUERY_WORDS = 100
# A code such as "ab12cd34" without any sign in it; shorter ones are ordinary words ("b2b", "4th").
_MIN_CODE_CHARS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryWord:
    """One content word of a query.

    Attributes:
        text: The folded word as it was written.
        terms: The terms it may be stored under, one for each language's stem.
    """

    text: str
    terms: tuple[str, ...]


def fold(text: str) -> str:
    """The text in one spelling: compatible forms, no Latin accents, no capitals."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", _LATIN_MARKS.sub("", decomposed)).casefold()


def language_of(tokens: Iterable[str]) -> Language:
    """The language most of the function words belong to; the first one when none stands out."""
    words = list(tokens)
    known = languages()
    counts = [sum(word in language.stop_words for word in words) for language in known]
    return known[counts.index(max(counts))]


def terms(text: str) -> list[str]:
    """Everything a text is found by, in order, repetitions included."""
    folded = fold(text)
    tokens = _TOKEN.findall(folded)
    language = language_of(tokens)
    found: list[str] = []
    for token in tokens:
        found += _grams(token) if _unspaced(token) else [_word_term(language.name, token)]
    return found + [f"i{_joined(item)}" for item in _identifiers(folded)]


def language_bit(text: str) -> int:
    """A bit for the language whose stems a text is stored under."""
    return 1 << languages().index(language_of(_TOKEN.findall(fold(text))))


def query_words(text: str, language_bits: int = -1) -> list[QueryWord]:
    """The distinct content words of a query; its function words only if it has nothing else.

    Of a text pasted whole the first hundred: each word is a look into the index.

    Args:
        text: The query.
        language_bits: The languages what is searched was stored in; by default all.
    """
    tokens = list(dict.fromkeys(_TOKEN.findall(fold(text))))
    stop_words = language_of(tokens).stop_words
    content = [token for token in tokens if token not in stop_words] or tokens
    distinct: dict[tuple[str, ...], QueryWord] = {}
    for token in content[:_MOST_QUERY_WORDS]:
        for word in _query_terms(token, language_bits):
            distinct.setdefault(word.terms, word)
    return list(distinct.values())[:_MOST_QUERY_WORDS]


def query_identifiers(text: str) -> list[str]:
    """The terms of the identifiers a query names whole, such as a UUID; the first hundred."""
    named = dict.fromkeys(_identifiers(fold(text)))
    return [f"i{_joined(item)}" for item in islice(named, _MOST_QUERY_WORDS)]


def _query_terms(token: str, language_bits: int) -> list[QueryWord]:
    if _unspaced(token):
        return [QueryWord(text=gram[1:], terms=(gram,)) for gram in _query_grams(token)]
    stems = dict.fromkeys(
        _word_term(language.name, token)
        for bit, language in enumerate(languages())
        if language_bits >> bit & 1
    )
    return [QueryWord(text=token, terms=tuple(stems))]


def _word_term(language: str, token: str) -> str:
    return "w" + _stem(language, token)[:_MAX_TERM_CHARS]


def _unspaced(token: str) -> bool:
    return _UNSPACED_RUN.match(token) is not None


def _grams(run: str) -> list[str]:
    """Single characters and pairs; a stored text needs both to be found by either."""
    return [f"g{char}" for char in run] + [f"g{run[at : at + 2]}" for at in range(len(run) - 1)]


def _query_grams(run: str) -> list[str]:
    return [f"g{run}"] if len(run) == 1 else [f"g{run[at : at + 2]}" for at in range(len(run) - 1)]


def _identifiers(folded: str) -> list[str]:
    joined = [item for item in _IDENTIFIER.findall(folded) if _DIGIT.search(item)]
    return joined + [token for token in _TOKEN.findall(folded) if _is_code(token)]


def _is_code(token: str) -> bool:
    return (
        len(token) >= _MIN_CODE_CHARS
        and token.isascii()
        and not token.isalpha()
        and not token.isdigit()
    )


def _joined(identifier: str) -> str:
    return _SEPARATORS.sub("_", identifier)[:_MAX_TERM_CHARS]


@lru_cache(maxsize=50_000)
def _stem(language: str, token: str) -> str:
    """The Snowball stem; a stemmer keeps its word inside itself, so each call has its own.

    Source: https://snowballstem.org/algorithms/
    """
    if not token.isalpha():
        return token
    return str(_stemmer_class(language)().stemWord(token))


@lru_cache(maxsize=8)
def _stemmer_class(language: str) -> type:
    module = import_module(f"snowballstemmer.{language}_stemmer")
    found: type = getattr(module, f"{language.capitalize()}Stemmer")
    return found


def speaks_of_self(text: str) -> bool:
    """Whether a text tells of whoever says it, in any language known here."""
    return not _first_person().isdisjoint(_TOKEN.findall(fold(text)))


@lru_cache(maxsize=1)
def _first_person() -> frozenset[str]:
    return frozenset().union(*(language.first_person for language in languages()))
