"""The recipe: what each part of a score does."""

from dataclasses import replace

import numpy as np
import pytest

from storage.search import (
    FIRST_PERSON,
    HYBRID,
    TIME_WORD,
    WORDS_ONLY,
    Asked,
    Columns,
    Frequency,
    Sittings,
    Word,
    fuse,
    passage_results,
    passage_words,
    recall_scores,
    sitting_meaning,
    sitting_words,
    word_shares,
)


def sittings(of: list[int], words: list[int] | None = None) -> Sittings:
    groups = np.array(of, dtype=np.int32)
    order = np.argsort(groups, kind="stable")
    count = int(groups.max()) + 1
    return Sittings(
        of=groups,
        count=count,
        order=order,
        starts=np.searchsorted(groups[order], np.arange(count)),
        lengths=np.bincount(groups, weights=words or [10] * len(of)).astype(np.float64),
    )


def columns(of: list[int], **changed) -> Columns:
    """Messages of the sittings given, in order, all alike."""
    before, after, last = [], np.full(len(of) + 1, -1, dtype=np.int32), {}
    for place, sitting in enumerate(of):
        before.append(last.get(sitting, -1))
        if sitting in last:
            after[last[sitting]] = place
        last[sitting] = place
    plain = Columns(
        before=np.array(before, dtype=np.int32),
        after=after,
        speaker=np.zeros(len(of), dtype=np.int32),
        flags=np.zeros(len(of), dtype=np.uint8),
        length=np.zeros(len(of), dtype=np.float32),
        sittings=sittings(of),
    )
    return replace(plain, **changed)


def at(*places: int) -> np.ndarray:
    return np.array(places, dtype=np.intp)


class TestWords:
    def test_are_lent_to_neighbours_of_the_same_sitting(self):
        shares = word_shares(columns([0] * 9), [Word(hits=at(4))], HYBRID)
        assert shares.tolist() == pytest.approx([0, 0, 0, 0.5, 1, 1, 0.8, 0, 0])

    def test_are_not_lent_across_sittings(self):
        shares = word_shares(columns([0, 0, 1, 1, 2, 2]), [Word(hits=at(2))], HYBRID)
        assert shares.tolist() == pytest.approx([0, 0, 1, 1, 0, 0])

    def test_are_lent_past_messages_of_other_conversations(self):
        shares = word_shares(columns([0, 1, 0, 1, 0, 1]), [Word(hits=at(2))], HYBRID)
        assert shares.tolist() == pytest.approx([0.5, 0, 1, 0, 1, 0])

    def test_count_the_more_the_rarer_they_are(self):
        words = [Word(hits=at(0)), Word(hits=at(2, 5, 8))]
        shares = word_shares(columns(list(range(10))), words, HYBRID)
        assert shares[0] > shares[5] > 0

    def test_that_are_nowhere_still_count_below_the_line(self):
        alone = word_shares(columns(list(range(10))), [Word(hits=at(3))], HYBRID)
        besides = [Word(hits=at(3)), Word(hits=at())]
        assert word_shares(columns(list(range(10))), besides, HYBRID)[3] < alone[3]

    def test_of_half_of_the_messages_count_nothing(self):
        words = [Word(hits=at(*range(5))), Word(hits=at(7))]
        shares = word_shares(columns(list(range(10))), words, HYBRID)
        assert shares[0] == 0
        assert shares[7] == pytest.approx(1)

    def test_of_half_of_the_messages_are_better_than_nothing(self):
        assert word_shares(columns([0]), [Word(hits=at(0))], HYBRID)[0] == pytest.approx(1)


class TestMeaning:
    def test_of_a_sitting_is_its_best_tempered_by_the_second(self):
        found = sitting_meaning(
            sittings([0, 0, 0, 1, 2, 2]), np.array([0.1, 0.5, 0.3, 0.9, 0.4, 0.4], dtype=np.float32)
        )
        assert found.tolist() == pytest.approx([0.46, 0.9, 0.4])

    def test_is_the_mean_of_all_where_there_is_no_vector_yet(self):
        cosines = np.array([0.4, np.nan, 0.8], dtype=np.float32)
        scores = recall_scores(columns([0, 1, 2]), Asked(words=[], cosines=cosines), HYBRID)
        assert scores[0] < 7 * 0.8
        assert np.isfinite(scores[[0, 2]]).all()

    def test_that_is_not_near_is_no_result(self):
        cosines = np.array([0.1, 0.2], dtype=np.float32)
        scores = recall_scores(columns([0, 1]), Asked(words=[], cosines=cosines), HYBRID)
        assert np.isinf(scores).all()


class TestSittings:
    def test_that_hold_more_of_the_words_score_more(self):
        words = [Word(hits=at(0, 1)), Word(hits=at(1, 5))]
        found = sitting_words(sittings([0, 0, 1, 1, 2, 2]), words)
        assert found[0] == pytest.approx(1)
        assert found[0] > found[2] > found[1] == 0

    def test_lift_their_messages_when_there_are_no_vectors(self):
        words = [Word(hits=at(0))]
        scores = recall_scores(columns([0] * 6 + [1] * 6), Asked(words=words), WORDS_ONLY)
        assert scores[5] == pytest.approx(WORDS_ONLY.sitting)
        assert np.isinf(scores[6:]).all()


class TestCircumstances:
    """Each bonus, shown by what is missing without it."""

    BASE = Asked(words=[Word(hits=at(0)), Word(hits=at(1))])

    def scores(self, asked: Asked, **changed) -> list[float]:
        return recall_scores(columns([0, 1, 2, 3, 4], **changed), asked, HYBRID).tolist()

    def test_a_named_speaker(self):
        speaker = np.array([0, 1, 0, 0, 0], dtype=np.int32)
        cosines = np.full(5, 0.5, dtype=np.float32)
        base = replace(self.BASE, cosines=cosines)
        plain = self.scores(base, speaker=speaker)
        named = self.scores(replace(base, speaker=1), speaker=speaker)
        assert named[1] - plain[1] == pytest.approx(HYBRID.speaker, abs=1e-5)
        assert named[0] == pytest.approx(plain[0])

    def test_a_named_month_and_day(self):
        plain = self.scores(self.BASE)
        dated = self.scores(replace(self.BASE, months=at(0), days=at(0)))
        assert dated[0] - plain[0] == pytest.approx(HYBRID.month + HYBRID.day, abs=1e-5)

    def test_a_month_is_a_result_by_itself(self):
        assert np.isfinite(self.scores(replace(self.BASE, months=at(3)))[3])

    def test_a_word_of_time_where_a_time_is_asked_for(self):
        flags = np.array([TIME_WORD, 0, 0, 0, 0], dtype=np.uint8)
        plain = self.scores(self.BASE, flags=flags)
        when = self.scores(replace(self.BASE, when=True), flags=flags)
        assert when[0] - plain[0] == pytest.approx(HYBRID.when, abs=1e-5)
        assert when[1] == pytest.approx(plain[1])

    def test_first_person_and_length(self):
        flags = np.array([FIRST_PERSON, 0, 0, 0, 0], dtype=np.uint8)
        length = np.array([0, 2, 0, 0, 0], dtype=np.float32)
        plain = self.scores(self.BASE)
        changed = self.scores(self.BASE, flags=flags, length=length)
        assert changed[0] - plain[0] == pytest.approx(HYBRID.first_person, abs=1e-5)
        assert changed[1] - plain[1] == pytest.approx(2 * HYBRID.length, abs=1e-5)

    def test_an_identifier_beats_everything_else(self):
        cosines = np.array([1, 1, 1, 1, -1], dtype=np.float32)
        asked = replace(self.BASE, cosines=cosines, identifiers=[at(4)], months=at(0), days=at(0))
        scores = self.scores(asked)
        assert int(np.argmax(scores)) == 4

    def test_the_named_speaker_is_all_there_is_to_find(self):
        speaker = np.array([0, 1, 0, 1, 0], dtype=np.int32)
        scores = self.scores(Asked(words=[], speaker=1), speaker=speaker)
        assert np.isfinite(scores).tolist() == [False, True, False, True, False]


class TestPassages:
    def test_gain_by_repeating_a_word_but_ever_less(self):
        lengths = np.full(10, 20, dtype=np.int32)
        once = passage_words(lengths, [Frequency(hits=at(0, 1, 2))])
        twice = passage_words(lengths, [Frequency(hits=at(0, 1, 2), repeats=[at(1, 2), at(2)])])
        assert once[0] == once[1]
        assert twice[2] - twice[1] < twice[1] - twice[0]

    def test_lose_by_being_long(self):
        lengths = np.array([10, 200], dtype=np.int32)
        scores = passage_words(lengths, [Frequency(hits=at(0, 1))])
        assert scores[0] > scores[1]

    def test_are_ranked_by_words_alone_without_vectors(self):
        words = np.array([1, 2], dtype=np.float32)
        assert fuse(words, None).tolist() == [1, 2]

    def test_weigh_meaning_more_than_words(self):
        words = np.array([1, 0, 0], dtype=np.float32)
        cosines = np.array([0, 1, 0], dtype=np.float32)
        assert int(np.argmax(fuse(words, cosines))) == 1

    def test_without_a_word_or_a_near_meaning_are_no_results(self):
        words = np.array([1, 0, 0], dtype=np.float32)
        cosines = np.array([0, 0.9, 0.1], dtype=np.float32)
        assert passage_results(words, cosines).tolist() == [True, True, False]

    def test_may_be_none(self):
        assert len(passage_words(np.empty(0, dtype=np.int32), [])) == 0
