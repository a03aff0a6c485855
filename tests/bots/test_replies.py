"""Splitting replies: nothing lost, nothing broken that can stay whole."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bots.replies import split_markdown, without_mass_pings

FAMILY = "👨‍👩‍👧‍👦"
LINK = "[the handbook](https://example.org/handbook?page=12)"


def units(text):
    return len(text.encode("utf-16-le")) // 2


def visible(text):
    """Text without white space and fence lines, which splitting may add or drop."""
    kept = [line for line in text.split("\n") if not re.match(r"\s*(```|~~~)", line)]
    return re.sub(r"\s+", "", "".join(kept))


def fences(part):
    return len(re.findall(r"^ {0,3}```", part, re.MULTILINE))


words = st.text(alphabet="abcdefgh ijkl.!?,", min_size=1, max_size=80)
links = st.just(LINK)
emoji = st.sampled_from([FAMILY, "👍🏽", "🇩🇪", "é", "1️⃣"])  # noqa: RUF100
code = st.builds(
    lambda language, lines: f"```{language}\n" + "\n".join(lines) + "\n```",
    st.sampled_from(["", "python", "sh"]),
    st.lists(st.text(alphabet="abc =()1\t", max_size=90), min_size=1, max_size=25),
)
items = st.lists(words, min_size=1, max_size=12).map(lambda all_: "\n".join(f"- {i}" for i in all_))
paragraph = st.one_of(words, items, code, st.lists(emoji, max_size=60).map("".join), links)
documents = st.lists(paragraph, max_size=25).map("\n\n".join)


class TestNothingIsLost:
    @given(documents, st.integers(200, 700))
    @settings(max_examples=150, deadline=None)
    def test_of_a_document(self, text, limit):
        parts = split_markdown(text, limit)
        assert "".join(map(visible, parts)) == visible(text)

    @given(st.text(alphabet="a `~\n[](.)<@1>\t👍é", max_size=1500), st.integers(200, 300))
    @settings(max_examples=150, deadline=None)
    @example("```" + "\n" * 500 + "x", 200)
    @example("`" * 700, 200)
    @example("~~~a\n" + "x" * 700, 200)
    def test_of_noise(self, text, limit):
        parts = split_markdown(text, limit)
        loose = re.compile(r"[\s`~]|(?<=[`~])a")
        assert loose.sub("", "".join(parts)).count("👍") == text.count("👍")
        assert all(part.strip() and units(part) <= limit for part in parts)

    @given(documents, st.integers(200, 700))
    @settings(max_examples=100, deadline=None)
    def test_and_every_part_fits_counted_in_utf_16(self, text, limit):
        assert all(0 < units(part) <= limit for part in split_markdown(text, limit))

    def test_text_that_fits_stays_as_it_is(self):
        assert split_markdown("  a\n\n```\nb\n```\n", 200) == ["  a\n\n```\nb\n```\n"]

    def test_nothing_to_see_makes_no_part(self):
        assert split_markdown(" \n\t", 200) == []
        assert split_markdown("\n" * 900, 200) == []

    def test_a_limit_too_small_to_work_with_is_refused(self):
        with pytest.raises(ValueError, match="200"):
            split_markdown("a", 199)


class TestCutsWherePeopleWould:
    def test_between_paragraphs_first(self):
        first, second = "First sentence. " * 9, "Second paragraph. " * 9
        assert split_markdown(f"{first}\n\n{second}", 200) == [first.rstrip(), second.rstrip()]

    def test_then_between_lines(self):
        lines = [f"- item {number} " + "x" * 40 for number in range(8)]
        parts = split_markdown("\n".join(lines), 200)
        assert [line for part in parts for line in part.split("\n")] == lines

    def test_a_nested_item_stays_with_its_parent(self):
        item = "- parent " + "x" * 50 + "\n  - child " + "y" * 50
        parts = split_markdown("\n".join([item] * 3), 310)
        assert parts == [f"{item}\n{item}", item]

    def test_then_after_sentences(self):
        sentence = "This one has exactly as many words as it needs."
        parts = split_markdown(" ".join([sentence] * 8), 200)
        assert all(part.endswith(".") for part in parts)

    def test_then_between_words(self):
        parts = split_markdown("word " * 100, 200)
        assert set(" ".join(parts).split(" ")) == {"word"}

    def test_and_a_word_without_end_is_cut_at_the_limit(self):
        assert [len(part) for part in split_markdown("x" * 450, 200)] == [200, 200, 50]


class TestKeepsWhole:
    @given(documents, st.integers(300, 700))
    @settings(max_examples=100, deadline=None)
    def test_links_of_a_document(self, text, limit):
        parts = split_markdown(text, limit)
        assert sum(part.count(LINK) for part in parts) == text.count(LINK)

    @pytest.mark.parametrize(
        "unit",
        [LINK, "https://example.org/" + "a" * 60, "<@123456789012345678>", "`some inline code`"],
    )
    def test_a_unit_at_every_place_around_the_cut(self, unit):
        for shift in range(120, 215):
            parts = split_markdown("x" * shift + unit + "y" * 100, 200)
            assert sum(part.count(unit) for part in parts) == 1, shift

    @pytest.mark.parametrize("cluster", [FAMILY, "👍🏽", "🇩🇪", "e\u0301", "1️⃣", "❤️"])
    def test_what_people_see_as_one_character(self, cluster):
        for shift in range(len(cluster) * 2):
            text = "x" * shift + cluster * 150
            parts = split_markdown(text, 200)
            assert sum(part.count(cluster) for part in parts) == 150, shift
            assert all(part.endswith(cluster) for part in parts)

    def test_a_link_longer_than_a_part_is_cut_all_the_same(self):
        address = "https://example.org/" + "a" * 400
        assert "".join(split_markdown(address, 200)) == address


class TestCodeFences:
    TEXT = "Look:\n\n```python\n" + "\n".join(f"line_{n} = {n}" for n in range(60)) + "\n```\nEnd."

    def test_are_closed_and_opened_again_with_their_language(self):
        parts = split_markdown(self.TEXT, 300)
        assert len(parts) > 2
        assert all(fences(part) == 2 for part in parts)
        assert all("```python\nline_" in part for part in parts)

    def test_stay_with_the_line_that_announces_them(self):
        text = "Words. " * 20 + "\n\nHere it is:\n```\n" + "code\n" * 20 + "```"
        assert split_markdown(text, 220)[1].startswith("Here it is:\n```")

    def test_lose_no_line_and_no_indentation(self):
        code = "\n".join(" " * (n % 5) + f"line {n}" for n in range(80))
        parts = split_markdown(f"```\n{code}\n```", 250)
        lines = [line for part in parts for line in part.split("\n") if line != "```"]
        assert "\n".join(lines) == code

    def test_are_not_torn_when_they_fit_into_the_next_part(self):
        text = "Words. " * 20 + "\n\n```\n" + "code\n\n" * 15 + "```"
        parts = split_markdown(text, 220)
        assert [fences(part) for part in parts] == [0, 2]

    def test_that_nobody_closed_are_closed_in_every_part(self):
        parts = split_markdown("```js\n" + "let a;\n" * 80, 250)
        assert len(parts) > 2
        assert all(part.startswith("```js\n") and part.endswith("\n```") for part in parts)

    @given(documents, st.integers(300, 700))
    @settings(max_examples=150, deadline=None)
    def test_are_balanced_in_every_part(self, text, limit):
        assert all(fences(part) % 2 == 0 for part in split_markdown(text, limit))

    def test_inside_longer_fences_are_only_text(self):
        text = "````md\n" + "```\ninner\n```\n" * 40 + "````"
        parts = split_markdown(text, 250)
        assert all(part.startswith("````md\n") and part.endswith("\n````") for part in parts)


class TestMassPings:
    @pytest.mark.parametrize(
        "ping", ["@everyone", "@here", "<@&42>", "<!channel>", "<!here>", "<!subteam^S1|x>"]
    )
    def test_are_broken_and_stay_readable(self, ping):
        escaped = without_mass_pings(f"Hi {ping}!")
        assert ping not in escaped
        assert escaped.replace("\u200b", "") == f"Hi {ping}!"

    def test_leave_people_and_addresses_alone(self):
        text = "<@42> mail me@hereford.org about everyone"
        assert without_mass_pings(text) == text
