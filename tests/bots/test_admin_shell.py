"""What an admin can do in chat, the command line can do too; a running bot follows."""

import json

import pytest

from bots.cli import run_command_line
from tests.bots.processes import membot

ROOM = "slack:T1/channel/C1"


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """Gives a command for a place, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMBOT_EMBEDDING_MODEL", "none")

    def run(*words, at=ROOM):
        code = run_command_line(["agent", "--at", at, *words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


class TestSettingsAtTheShell:
    @pytest.mark.behaviour("command.shell", "terminal")
    def test_are_those_of_chat(self, shell, capsys):
        code, out, err = shell("budget", "person", "tokens_per_day", "5000")
        assert (code, err) == (0, "")
        assert "- person: any number of messages a minute, 5,000 tokens a day" in out
        assert "- person: any number" in shell("budget")[1]
        assert run_command_line(["audit", "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)
        assert (row["actor"], row["subject"]) == ("operator", "slack:T1/*")

    @pytest.mark.behaviour("command.shell", "terminal")
    def test_include_those_of_a_channel(self, shell):
        assert shell("mode", "off")[0] == 0
        assert "off" in shell("mode")[1]

    def test_ask_before_something_is_erased(self, shell):
        code, _, err = shell("retention", "30")
        assert code == 2
        assert "will be erased" in err
        assert shell("retention", "30", "--yes")[1] == "What is said is kept 30 days from now on.\n"

    @pytest.mark.parametrize(
        "words", [["budget", "cat"], ["dance"], ["deny", "user", "slack:T9/U1"], ["new"]]
    )
    def test_that_are_wrong_are_one_sentence(self, shell, words):
        code, out, err = shell(*words)
        assert (code, out) == (2, "")
        assert "Traceback" not in err
        assert err.count("\n") == 1

    async def test_hold_in_the_next_conversation(self, tmp_path):
        denied = ("agent", "--at", "console:local/channel/lab", "deny", "user", "ada")
        assert (await membot(tmp_path, *denied)).code == 0
        room = ("chat", "--channel", "lab", "--json")
        said = await membot(tmp_path, *room, text="ada: hello\nbob: hello\n")
        assert [one["user"] for one in said.objects if one["reply"]] == ["bob"]
