"""Taking one change of a text back out of what later changes have made of it; pure."""

import pytest

from engine.receipts import without_change


class TestWithoutAChange:
    @pytest.mark.parametrize(
        ("before", "after", "now", "left"),
        [
            ("", "tea", "tea", ""),
            ("tea", "tea\ncats", "tea\ncats\nBonn", "tea\nBonn"),
            ("tea\nBonn", "coffee\nBonn", "coffee\nBonn\ncats", "tea\nBonn\ncats"),
            ("tea\ncats\nBonn", "tea\nBonn", "tea\nBonn\nkites", "tea\ncats\nBonn\nkites"),
            ("cats\ntea", "tea", "tea", "cats\ntea"),
            ("a\nb\nc", "x\nb\ny", "x\nb\ny\nz", "a\nb\nc\nz"),
        ],
    )
    def test_only_that_change_goes(self, before, after, now, left):
        assert without_change(before, after, now) == left

    @pytest.mark.parametrize(
        ("before", "after", "now"),
        [
            ("", "tea", "tea with milk"),
            ("", "tea", ""),
            ("", "tea", "tea\ntea"),
            ("", "tea\ncats", "tea\nBonn\ncats"),
            ("tea\ncats", "cats", "cats\ntea"),
        ],
    )
    def test_it_does_not_where_later_ones_build_on_it_or_took_it_back(self, before, after, now):
        assert without_change(before, after, now) is None
