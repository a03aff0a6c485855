"""The recipe of recall and archival search: from what each message holds to its score.

Pure numpy: knows no SQL, no text and no store. A message's score is a plain sum of parts, none
of them scaled over the store, so a score does not depend on its rivals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from storage.vectors import Floats

__all__ = [
    "FIRST_PERSON",
    "HYBRID",
    "TIME_WORD",
    "WORDS_ONLY",
    "Asked",
    "Columns",
    "Frequency",
    "Sittings",
    "Weights",
    "Word",
    "fuse",
    "passage_results",
    "passage_words",
    "recall_scores",
    "sitting_meaning",
    "sitting_words",
    "word_shares",
]

Places = NDArray[np.intp]

TIME_WORD = 1
FIRST_PERSON = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each part of a score counts, measured on LoCoMo (arXiv 2402.17753), recall@10."""

    words: float
    meaning: float
    sitting: float
    speaker: float
    month: float
    day: float
    when: float
    first_person: float
    length: float
    one_before: float
    two_before: float
    one_after: float


HYBRID = Weights(
    words=6.0,
    meaning=5.5,
    sitting=7.0,
    speaker=1.6,
    month=2.5,
    day=2.0,
    when=2.0,
    first_person=0.6,
    length=0.8,
    one_before=1.0,
    two_before=0.8,
    one_after=0.5,
)
WORDS_ONLY = Weights(
    words=7.0,
    meaning=0.0,
    sitting=2.6,
    speaker=1.6,
    month=2.0,
    day=2.0,
    when=2.0,
    first_person=0.6,
    length=0.7,
    one_before=0.9,
    two_before=0.6,
    one_after=0.5,
)
# An identifier found whole outweighs everything else together.
IDENTIFIER_WEIGHT = 100.0

# Below this a meaning is not near. The nearest of 600 messages reaches 0.15-0.30 for queries
# without sense or on another subject, and 0.53 (median) for questions that have an answer.
LEAST_COSINE = 0.33

# Of a sitting's two best cosines. Against their plain mean it gains in four of five conversations
# and loses in none; the best alone is as good, but trusts a single message.
_BEST_SHARE = 0.8

# Okapi BM25 over whole sittings; Robertson and Zaragoza 2009, the usual values.
_K1 = 1.2
_B = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Sittings:
    """Which messages belong together.

    Attributes:
        of: The sitting of each message, 0 to count - 1.
        count: How many sittings there are.
        order: The messages, sitting by sitting.
        starts: Where in `order` each sitting starts.
        lengths: Words in each sitting.
    """

    of: NDArray[np.int32]
    count: int
    order: Places
    starts: Places
    lengths: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """One agent's messages, a row each, oldest first.

    Attributes:
        before: The place of the message before it in its sitting, or -1.
        after: The place of the message after it in its sitting, or -1; one entry more than there
            are messages, -1, so that "nothing" has nothing after it.
        speaker: A number for each speaker.
        flags: TIME_WORD and FIRST_PERSON.
        length: The logarithm of what it has to say, see `Weights.length`.
    """

    before: NDArray[np.int32]
    after: NDArray[np.int32]
    speaker: NDArray[np.int32]
    flags: NDArray[np.uint8]
    length: Floats
    sittings: Sittings

    def __len__(self) -> int:
        """How many messages there are."""
        return len(self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Where one word of the query stands.

    Attributes:
        hits: The places of the messages that hold it.
        common: True when half of the messages or more hold it; then it says nothing.
    """

    hits: Places
    common: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a query asks for, as places in the columns.

    Attributes:
        words: Its content words.
        identifiers: The places that hold each identifier it names whole.
        cosines: The cosine of each message, NaN where there is no vector; None without vectors.
        speaker: The number of the one speaker it names, or None.
        months: Places said in, or speaking of, a month it names.
        days: The same for days.
        when: True when it asks for a time.
    """

    words: Sequence[Word]
    identifiers: Sequence[Places] = ()
    cosines: Floats | None = None
    speaker: int | None = None
    months: Places = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    days: Places = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    when: bool = False


def recall_scores(columns: Columns, asked: Asked, weights: Weights) -> Floats:
    """The score of every message; minus infinity where it is no result."""
    shares = word_shares(columns, asked.words, weights)
    score = weights.words * shares
    if asked.cosines is not None:
        cosines = filled(asked.cosines)
        score += weights.meaning * cosines
        score += weights.sitting * sitting_meaning(columns.sittings, cosines)[columns.sittings.of]
    else:
        score += weights.sitting * sitting_words(columns.sittings, asked.words)[columns.sittings.of]
    _add_circumstances(score, columns, asked, weights)
    score += weights.first_person * ((columns.flags & FIRST_PERSON) > 0)
    score += weights.length * columns.length
    score[~_results(columns, asked, shares)] = -np.inf
    return score


def _results(columns: Columns, asked: Asked, shares: Floats) -> NDArray[np.bool_]:
    """Messages of every sitting in which something was found: a word, a near meaning or a date.

    Where nothing was, everything by the one speaker the query names.
    """
    found = shares > 0
    if asked.cosines is not None:
        found |= asked.cosines >= LEAST_COSINE
    for places in (asked.months, asked.days, *asked.identifiers):
        found[places] = True
    if asked.speaker is not None and not found.any():
        found |= columns.speaker == asked.speaker
        return found
    sittings = np.zeros(columns.sittings.count, dtype=np.bool_)
    sittings[columns.sittings.of[found]] = True
    return sittings[columns.sittings.of]


def _add_circumstances(score: Floats, columns: Columns, asked: Asked, weights: Weights) -> None:
    if asked.speaker is not None:
        score += weights.speaker * (columns.speaker == asked.speaker)
    score[asked.months] += weights.month
    score[asked.days] += weights.day
    if asked.when:
        score += weights.when * ((columns.flags & TIME_WORD) > 0)
    for places in asked.identifiers:
        score[places] += IDENTIFIER_WEIGHT


def word_shares(columns: Columns, words: Sequence[Word], weights: Weights) -> Floats:
    """The share of the query's idf that each message or its near neighbours hold."""
    count = len(columns)
    shares = np.zeros(count, dtype=np.float32)
    idfs = _word_weights(words, count)
    whole = sum(idfs)
    if whole <= 0:
        return shares
    place = np.empty(count + 1, dtype=np.float32)
    for word, idf in zip(words, idfs, strict=True):
        if idf > 0 and len(word.hits):
            place.fill(0)
            _spread(place, columns, word.hits, weights)
            shares += (idf / whole) * place[:count]
    return shares


def _word_weights(words: Sequence[Word], count: int) -> list[float]:
    """The idf of each word; all alike where only words of half of the messages are found."""
    idfs = [_idf(word, count) for word in words]
    if any(idf > 0 and len(word.hits) for word, idf in zip(words, idfs, strict=True)):
        return idfs
    return [1.0] * len(words)


def _spread(place: Floats, columns: Columns, hits: Places, weights: Weights) -> None:
    """Lend a word to its neighbours; written from the least to the most, so the most stays.

    Place -1 is nobody's and takes what has no neighbour.
    """
    following = columns.after[hits]
    place[columns.before[hits]] = weights.one_after
    place[columns.after[following]] = weights.two_before
    place[following] = weights.one_before
    place[hits] = 1.0


def _idf(word: Word, count: int) -> float:
    """Robertson and Sparck Jones; 0 from half of the messages on."""
    found = len(word.hits)
    if word.common or 2 * found >= count:
        return 0.0
    return math.log((count - found + 0.5) / (found + 0.5))


def filled(cosines: Floats) -> Floats:
    """The cosines, with their mean where a message has no vector yet."""
    missing = np.isnan(cosines)
    if not missing.any():
        return cosines
    mean = float(cosines[~missing].mean()) if not missing.all() else 0.0
    return np.where(missing, np.float32(mean), cosines)


def sitting_meaning(sittings: Sittings, cosines: Floats) -> Floats:
    """The best cosine in each sitting, tempered by the second best where there is one."""
    if not sittings.count:
        return np.zeros(0, dtype=np.float32)
    ordered = cosines[sittings.order]
    best = np.maximum.reduceat(ordered, sittings.starts)
    ordered[ordered == best[sittings.of[sittings.order]]] = -np.inf
    second = np.maximum.reduceat(ordered, sittings.starts)
    second = np.where(np.isinf(second), best, second)
    return np.asarray(_BEST_SHARE * best + (1 - _BEST_SHARE) * second, dtype=np.float32)


def sitting_words(sittings: Sittings, words: Sequence[Word]) -> Floats:
    """The BM25 of each whole sitting, in messages that hold the word, over the best sitting's."""
    scores = np.zeros(sittings.count, dtype=np.float64)
    if not sittings.count:
        return scores.astype(np.float32)
    norm = _K1 * (1 - _B + _B * sittings.lengths / max(float(sittings.lengths.mean()), 1e-9))
    for word in words:
        if word.common:
            continue
        found = np.bincount(sittings.of[word.hits], minlength=sittings.count)
        holding = int((found > 0).sum())
        idf = math.log(1 + (sittings.count - holding + 0.5) / (holding + 0.5))
        scores += idf * found * (_K1 + 1) / (found + norm)
    best = float(scores.max())
    return (scores / best if best > 0 else scores).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency:
    """Where one word of the query stands, and how often.

    Attributes:
        hits: The places of the passages that hold it.
        repeats: For two times, three times and so on, the places that hold it as often.
    """

    hits: Places
    repeats: Sequence[Places] = ()


def passage_words(lengths: NDArray[np.int32], words: Sequence[Frequency]) -> Floats:
    """The BM25 of every passage, with the number of its words."""
    scores = np.zeros(len(lengths), dtype=np.float32)
    if not len(lengths):
        return scores
    norm = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()), 1e-9))
    for word in words:
        found = len(word.hits)
        idf = math.log(1 + (len(lengths) - found + 0.5) / (found + 0.5))
        times = np.zeros(len(lengths), dtype=np.float32)
        for places in (word.hits, *word.repeats):
            times[places] += 1
        scores[word.hits] += (idf * times * (_K1 + 1) / (times + norm))[word.hits]
    return scores


def fuse(words: Floats, cosines: Floats | None, *, words_weight: float = 0.2) -> Floats:
    """Archival search: both scores in standard deviations from their mean, weighted and summed."""
    if cosines is None:
        return words
    return words_weight * _z_scaled(words) + (1 - words_weight) * _z_scaled(filled(cosines))


def passage_results(words: Floats, cosines: Floats | None) -> NDArray[np.bool_]:
    """Which passages have anything to do with the query: a word or a near meaning."""
    results = words > 0
    if cosines is not None:
        results |= cosines >= LEAST_COSINE
    return results


def _z_scaled(values: Floats) -> Floats:
    spread = float(values.std()) if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
