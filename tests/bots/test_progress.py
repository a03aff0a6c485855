"""How far long work is: a line that appears late, changes, and never outlives the work."""

import asyncio

import pytest

from bots.console.adapter import ConsoleAdapter
from bots.console.screen import RichScreen
from bots.progress import ProgressLines, ProgressPace
from engine.errors import DeliveryDelayed, DeliveryRefused
from engine.progress import Work, in_progress
from tests.bots.memory_rig import open_memory, scope, until

WORK = Work(id="turn/1", scope=scope("ada"), address="{}")
AT_ONCE = ProgressPace(first_seconds=0.0, between_seconds=0.0, again_seconds=0.0)


class Board:
    """A platform: what stands there, by message."""

    def __init__(self):
        self.messages = {}
        self.seen = []
        self.trouble = []
        self.stuck = False

    async def show_line(self, work, line, shown_in):
        if self.trouble:
            raise self.trouble.pop(0)
        reference = shown_in or f"m{len(self.seen) + 1}"
        self.messages[reference] = line
        self.seen.append(line)
        return reference

    async def take_line(self, shown_in):
        if self.stuck:
            raise DeliveryDelayed("Not connected.")
        self.messages.pop(shown_in, None)


@pytest.fixture
async def memory(tmp_path):
    async with open_memory(tmp_path) as opened:
        yield opened


@pytest.fixture
def board():
    return Board()


@pytest.fixture
async def lines(memory, board):
    made = ProgressLines(board, "console", memory.store, AT_ONCE)
    yield made
    board.stuck = False
    await made.close()


async def stands(board, line):
    await until(lambda: line in board.messages.values())


async def none_kept(memory):
    while await memory.store.shown_lines("console"):
        await asyncio.sleep(0)


class TestALine:
    async def test_changes_in_its_one_message_and_goes_when_the_work_is_over(
        self, memory, board, lines
    ):
        with in_progress(lines.show, WORK, "reading a.pdf"):
            await stands(board, "reading a.pdf")
            lines.show(WORK, "reading a.pdf, page 2 of 3")
            await stands(board, "reading a.pdf, page 2 of 3")
            assert list(board.messages) == ["m1"]
        await until(lambda: not board.messages)
        await none_kept(memory)

    async def test_goes_when_the_work_fails(self, board, lines):
        async def fail():
            with in_progress(lines.show, WORK, "reading"):
                await stands(board, "reading")
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        await until(lambda: not board.messages)

    async def test_never_appears_for_work_that_is_done_soon(self, memory, board):
        lines = ProgressLines(board, "console", memory.store, ProgressPace(first_seconds=60))
        with in_progress(lines.show, WORK, "reading"):
            await asyncio.sleep(0)
        await lines.close()
        assert board.seen == []

    async def test_of_other_work_stands_beside_it(self, board, lines):
        other = Work(id="turn/2", scope=scope("bob"), address="{}")
        lines.show(WORK, "reading a")
        lines.show(other, "reading b")
        await until(lambda: set(board.messages.values()) == {"reading a", "reading b"})
        lines.show(WORK, "")
        await until(lambda: set(board.messages.values()) == {"reading b"})

    async def test_that_the_platform_refuses_is_given_up(self, board, lines):
        board.trouble = [DeliveryRefused("No.")]
        lines.show(WORK, "reading")
        await until(lambda: not board.trouble)
        lines.show(WORK, "")
        await lines.close()
        assert board.seen == []

    async def test_that_stops_changing_is_still_taken_away(self, board, lines):
        lines.show(WORK, "reading")
        await stands(board, "reading")
        board.trouble = [DeliveryRefused("No.")]
        await until(lambda: not board.trouble and not board.messages)


class TestALineThatIsLeftBehind:
    async def test_by_a_dead_process_is_taken_away_at_the_next_start(self, memory, board):
        dead = ProgressLines(board, "console", memory.store, AT_ONCE)
        dead.show(WORK, "reading")
        await stands(board, "reading")
        while not await memory.store.shown_lines("console"):
            await asyncio.sleep(0)
        for task in dead._tasks:
            task.cancel()
        fresh = ProgressLines(board, "console", memory.store, AT_ONCE)
        fresh.clear()
        await until(lambda: not board.messages)
        await none_kept(memory)

    async def test_because_the_platform_was_away_is_tried_again(self, memory, board, lines):
        lines.show(WORK, "reading")
        await stands(board, "reading")
        board.stuck = True
        lines.show(WORK, "")
        await until(lambda: lines._clearing is not None)
        board.stuck = False
        await until(lambda: not board.messages)
        await none_kept(memory)

    async def test_in_a_place_that_is_gone_is_forgotten(self, memory, board, lines):
        lines.show(WORK, "reading")
        await stands(board, "reading")

        async def refuse(shown_in):
            raise DeliveryRefused("The channel is gone.")

        board.take_line = refuse
        lines.show(WORK, "")
        await none_kept(memory)

    async def test_is_not_taken_from_work_that_goes_on(self, memory, board, lines):
        lines.show(WORK, "reading")
        await stands(board, "reading")
        lines.clear()
        await lines._clearing
        assert board.messages == {"m1": "reading"}


class TestTheTerminal:
    @pytest.fixture
    def screen(self):
        screen = RichScreen(force_terminal=True)
        screen.expect("turn", "ada", "agent")
        return screen

    @pytest.mark.behaviour("how.typing", "terminal")
    async def test_has_a_spinner_while_a_turn_is_under_way(self, memory, screen, capsys):
        adapter, turn = ConsoleAdapter(screen), await memory.accept(scope("ada"))
        await adapter.show_activity(turn, "working")
        screen._status._live.refresh()
        assert "thinking" in capsys.readouterr().out
        await adapter.show_activity(turn, "idle")
        assert screen._status is None

    @pytest.mark.behaviour("how.progress", "terminal")
    async def test_says_beside_the_spinner_how_far_it_is(self, screen, capsys):
        adapter = ConsoleAdapter(screen)
        screen.working(active=True)
        await adapter.show_line(WORK, "reading a.pdf, page 2 of 3", None)
        screen._status._live.refresh()
        await adapter.take_line("")
        screen._status._live.refresh()
        screen.working(active=False)
        shown = capsys.readouterr().out
        assert shown.index("page 2 of 3") < shown.rindex("thinking")
