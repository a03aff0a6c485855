"""Memory in one's own hands at the terminal: each command as it is typed, and what it answers."""

import zipfile

import pytest

from tests.bots.processes import membot
from tests.fixtures.model_server import ModelServer, tool_calls

TYPED = """\
I play the cello.
/memory show cello
/memory edit cello Plays the viola.
/memory undo
/memory pin cello
/memory history cello
/memory unpin cello
/memory restore 2099-01-01
/memory card Deaf in one ear.
/memory card Deaf in one ear. --yes
/memory card
/memory card none
/memory forget cello
/memory forget cello --yes
/memory show
/retry
/status
"""


@pytest.mark.behaviour("command.memory-show", "terminal")
@pytest.mark.behaviour("command.memory-edit", "terminal")
@pytest.mark.behaviour("command.memory-undo", "terminal")
@pytest.mark.behaviour("command.memory-pin", "terminal")
@pytest.mark.behaviour("command.memory-history", "terminal")
@pytest.mark.behaviour("command.memory-restore", "terminal")
@pytest.mark.behaviour("command.memory-card", "terminal")
@pytest.mark.behaviour("command.memory-forget", "terminal")
@pytest.mark.behaviour("command.retry", "terminal")
async def test_every_command_about_one_s_memory(tmp_path):
    line = {"label": "human", "content": "Plays the cello.", "request_heartbeat": False}
    said = ("send_message", {"message": "Noted."})
    async with ModelServer() as model:
        model.script(tool_calls(("core_memory_append", line), said))
        ended = await membot(tmp_path, "chat", text=TYPED, OPENAI_BASE_URL=model.url)
    out = ended.out
    expected = (
        "Noted.",
        "- Plays the cello. (you, ",
        "It says now: Plays the viola.",
        "Undo: `/memory undo id:c1`",
        "Taken back: `human` + Plays the viola. - Plays the cello.",
        "Pinned: Plays the cello.",
        "Unpin: `/memory unpin item:",
        "memory pin: `human` pins",
        "No longer pinned: Plays the cello.",
        "I had in mind:",
        "everybody there can ask me for it:",
        "Use this card: the same again with `--yes`",
        "This is your card from now on.",
        "Your card:",
        "You have no card any more",
        "I will forget this:\n- in `human`: Plays the cello.",
        "Forgotten, with all that came of it: 1 line, 1 message.",
        "nothing to try again",
        "Memory pressure: none",
    )
    place = 0
    for text in expected:
        assert text in out[place:], (text, out[place:])
        place = out.index(text, place)
    assert "cello" not in out[out.index("Forgotten,") :]


BEFORE_AND_AFTER = """\
/memory show
/memory export
/stauts
/memory remember We meet on Mondays.
/memory remember We meet on Mondays.
My name is Ada and I love quinces.
/memory forget quinces --yes
/memory undo
/memory export
/memory export
"""


@pytest.mark.behaviour("command.memory-export", "terminal")
async def test_what_is_answered_before_there_is_memory_and_after_it_was_forgotten(tmp_path):
    ended = await membot(tmp_path, "chat", text=BEFORE_AND_AFTER)
    nothing, exported, mistyped, kept, known, *_ = ended.out.splitlines()
    assert nothing == exported
    assert nothing.startswith("I remember nothing here yet;")
    assert mistyped.endswith("Did you mean `status`? `help` lists them all.")
    assert (kept, known) == (
        "I keep that as a note; `memory search` finds it.",
        "I keep that already.",
    )
    # What the forgetting erased leaves no change behind that could be taken back.
    assert "Taken back: note + We meet on Mondays." in ended.out
    assert "The file is memory.zip.\n" in ended.out
    assert "The file is memory-2.zip.\n" in ended.out
    for file in tmp_path.glob("memory*.zip"):
        assert file.stat().st_mode & 0o777 == 0o600
        with zipfile.ZipFile(file) as archive:
            assert "quinces" not in archive.read("memory.md").decode()


async def test_a_channel_that_is_off_says_so_and_answers_nothing(tmp_path):
    typed = "/agent mode off\nhello\n/agent mode mention\nhello\n"
    ended = await membot(tmp_path, "chat", "--channel", "lab", text=typed)
    assert "I answer nobody here; commands still work." in ended.err
    assert ended.out.count("Hello") == 1
