"""The commands of admins in the terminal, from the line to the answer."""

import pytest

from tests.bots.admin_cases import CASES
from tests.bots.processes import membot


@pytest.mark.behaviour("command.agent-allow", "terminal")
@pytest.mark.behaviour("command.agent-deny", "terminal")
@pytest.mark.behaviour("command.agent-budget", "terminal")
@pytest.mark.behaviour("command.agent-retention", "terminal")
@pytest.mark.behaviour("command.agent-usage", "terminal")
@pytest.mark.behaviour("command.agent-audit", "terminal")
@pytest.mark.behaviour("command.agent-backup", "terminal")
@pytest.mark.behaviour("command.agent-doctor", "terminal")
@pytest.mark.behaviour("command.agent-reset", "terminal")
async def test_an_operators_commands_are_answered_in_the_terminal(tmp_path):
    typed = "".join(f"/{words}\n" for words, _ in CASES)
    room = ("chat", "--user", "ada", "--channel", "lab")
    ended = await membot(tmp_path, *room, text=typed, MEMBOT_ADMINS="console:local/ada")
    assert [words for words, expected in CASES if expected not in ended.out] == []
