"""Lines, speakers and commands at the terminal."""

import asyncio
import io

import pytest

from bots.console.chat import Setting, command_in, spoken, user_id
from bots.console.lines import LineSource, TooLong, piped_reader
from bots.console.screen import with_file
from engine.answer_files import AnswerFile

ROOM = Setting(user="Ada", channel="lab")
ALONE = Setting(user="Ada")


class TestReading:
    async def test_each_line_is_one_and_the_end_is_none(self):
        lines = LineSource(piped_reader(io.StringIO("one\r\ntwo\n\nlast")))
        read = [await lines.next() for _ in range(5)]
        assert read == ["one", "two", "", "last", None]

    async def test_a_line_that_no_message_can_be_is_skipped_whole(self):
        source = io.StringIO("x" * 25 + "\nshort\n" + "y" * 10 + "\n")
        lines = LineSource(piped_reader(source, longest_chars=10))
        assert [await lines.next() for _ in range(4)] == [TooLong(), "short", TooLong(), None]

    async def test_a_line_is_only_read_when_it_is_asked_for(self):
        asked = []

        def read():
            asked.append(1)
            return "line"

        lines = LineSource(read)
        await lines.next()
        await asyncio.to_thread(lambda: None)
        assert len(asked) == 1


class TestSpeakers:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("Grace: hello", ("Grace", "hello")),
            ("hello", ("Ada", "hello")),
            ("http://example.org is down", ("Ada", "http://example.org is down")),
            ("my plan is this: go", ("Ada", "my plan is this: go")),
            ("Grace:hello", ("Ada", "Grace:hello")),
        ],
    )
    def test_a_name_before_a_colon_speaks_in_a_room(self, line, expected):
        assert spoken(line, ROOM) == expected

    def test_alone_a_colon_is_only_a_colon(self):
        assert spoken("Note: buy milk", ALONE) == ("Ada", "Note: buy milk")

    @pytest.mark.parametrize(
        ("name", "key"),
        [("Ada", "ada"), ("Grace Hopper", "grace-hopper"), ("a/b", "a-b"), ("", "you")],
    )
    def test_a_name_becomes_an_id(self, name, key):
        assert user_id(name) == key


class TestCommands:
    @pytest.mark.parametrize(
        ("line", "command"),
        [
            ("/memory show", "memory show"),
            ("!new", "new"),
            ("/quit", "quit"),
            ("/etc/passwd is a file", None),
            ("/stauts", "stauts"),
            ("/", None),
            ("hello /new", None),
            ("!important", None),
        ],
    )
    def test_are_words_after_a_slash_and_known_ones_after_an_exclamation_mark(self, line, command):
        assert command_in(line) == command


class TestFiles:
    def test_that_are_no_text_are_a_name_and_a_size(self):
        shown = with_file("Look.", AnswerFile(name="a.png", content=b"\xff" * 1200))
        assert shown == "Look.\n\na.png: 1,200 bytes, which are not shown here."
