"""What a button stands for, and for how long."""

from datetime import timedelta

from bots.adapter import AnswerFile
from bots.discord_bot.confirmations import Asked, Button, Confirmations
from tests.bots.discord.doubles import Clock


def with_file(name="a.zip"):
    return Asked(words="agent import", file=AnswerFile(name=name, content=b"x"))


class TestButtons:
    def test_carry_the_command_where_it_fits(self):
        for confirmed in (True, False):
            asked = Asked(words="agent reset", arguments={"target": "room"}, confirmed=confirmed)
            code = Confirmations(Clock()).offer(7, asked).code
            assert len(code) <= 100
            assert Confirmations(Clock()).take(Button.parse(code)) == asked

    def test_of_other_programs_are_not_ours(self):
        for code in ("", "membot:maybe:7:x", "membot:yes:ada:x", "other:yes:7:x"):
            assert Button.parse(code) is None


class TestWaiting:
    def test_is_over_once_taken(self):
        confirmations = Confirmations(Clock())
        button = Button.parse(confirmations.offer(7, with_file()).code)
        assert confirmations.take(button) == with_file()
        assert confirmations.take(button) is None

    def test_is_over_after_a_quarter_of_an_hour(self):
        clock = Clock()
        confirmations = Confirmations(clock)
        button = Button.parse(confirmations.offer(7, with_file()).code)
        clock.now += timedelta(minutes=15, seconds=1)
        assert confirmations.take(button) is None

    def test_is_bounded(self):
        confirmations = Confirmations(Clock())
        codes = [confirmations.offer(7, with_file(f"{n}.zip")).code for n in range(60)]
        kept = [code for code in codes if confirmations.take(Button.parse(code)) is not None]
        assert kept == codes[-50:]
