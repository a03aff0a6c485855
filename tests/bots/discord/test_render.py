"""Markdown as Discord shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord_bot.render import parts_of, rendered

TABLE = """Before

| Name | Price |
|:-----|------:|
| **Tea** | 3 |
| `Earl` \\| Grey | 12 |

After"""


class TestTables:
    @pytest.mark.behaviour("how.markdown", "discord")
    def test_become_aligned_code(self):
        assert rendered(TABLE) == (
            "Before\n\n```\nName         Price\n-----------  -----\nTea              3\n"
            "Earl | Grey     12\n```\n\nAfter"
        )

    def test_keep_columns_of_wide_characters_in_line(self):
        shown = rendered("|a|b|\n|-|-|\n|日本|x|\n|e\u0301|y|").split("\n")
        assert shown[3:5] == ["日本  x", "e\u0301     y"]

    def test_with_ragged_rows_lose_nothing(self):
        shown = rendered("|a|b|\n|-|-|\n|1|\n|1|2|3|")
        assert [line.split() for line in shown.split("\n")[3:5]] == [["1"], ["1", "2", "3"]]

    def test_inside_code_stay_as_they_are(self):
        text = "```\n|a|b|\n|-|-|\n|1|2|\n```"
        assert rendered(text) == text

    def test_need_a_rule_of_the_same_width(self):
        for text in ("a | b\n---", "a | b\nc | d", "this | that"):
            assert rendered(text) == text


class TestHeadings:
    def test_too_deep_for_discord_become_bold(self):
        assert rendered("# One\n### Three\n#### Four\n###### Six ##") == (
            "# One\n### Three\n**Four**\n**Six**"
        )

    def test_in_code_are_comments(self):
        assert rendered("```sh\n#### not a heading\n```") == "```sh\n#### not a heading\n```"


@given(st.text(alphabet="ab|-: \n`#*\\", max_size=300))
def test_no_text_is_too_odd(text):
    letters = "".join(char for char in text if char in "ab")
    assert "".join(char for char in "".join(parts_of(text)) if char in "ab") == letters
