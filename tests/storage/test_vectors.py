"""Vectors: as bytes and back, and their cosines."""

import numpy as np
import pytest

from storage.vectors import cosines, normalised, pack, top, unpack


def random_vectors(rows: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, 384)).astype(np.float32)


class TestPacking:
    def test_keeps_every_cosine_within_two_thousandths(self):
        vectors = normalised(random_vectors(3000))
        codes, scales = unpack(pack(vectors), 384)
        query = vectors[7]
        assert np.abs(cosines(codes, scales, query) - vectors @ query).max() < 0.002

    def test_takes_a_quarter_of_the_bytes(self):
        assert len(pack(random_vectors(1))[0]) == 384 + 4

    def test_keeps_a_row_of_zeros(self):
        codes, scales = unpack(pack(np.zeros((1, 4), dtype=np.float32)), 4)
        assert not codes.any()
        assert scales[0] == 0

    def test_takes_none(self):
        codes, scales = unpack([], 384)
        assert codes.shape == (0, 384)
        assert cosines(codes, scales, normalised(random_vectors(1))[0]).shape == (0,)

    def test_refuses_another_dimension(self):
        with pytest.raises(ValueError, match="reshape"):
            unpack(pack(random_vectors(1)), 128)


class TestTop:
    def test_is_best_first(self):
        assert top(np.array([1, 5, 3], dtype=np.float32), 2).tolist() == [1, 2]

    def test_prefers_the_later_of_equals(self):
        assert top(np.array([2, 2, 2, 1], dtype=np.float32), 2).tolist() == [2, 1]

    def test_leaves_out_what_may_not_be_found(self):
        scores = np.array([-np.inf, 1, -np.inf], dtype=np.float32)
        assert top(scores, 5).tolist() == [1]

    def test_of_nothing_is_nothing(self):
        assert top(np.empty(0, dtype=np.float32), 5).tolist() == []
