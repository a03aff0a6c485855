"""Memory in one's own hands at the terminal: each command as it is typed, and what it answers."""

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
        "Forgotten: 1 lines, 0 notes, 1 messages",
        "nothing to try again",
        "Memory pressure: none",
    )
    place = 0
    for text in expected:
        assert text in out[place:], (text, out[place:])
        place = out.index(text, place)
    assert "cello" not in out[out.index("Forgotten:") :]
