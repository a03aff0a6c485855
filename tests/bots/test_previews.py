"""Replies that are shown while they are written: one message, whatever happens in between."""

import asyncio
import io
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bots.console.screen import RichScreen
from bots.delivery import OutboxSender, Pacing
from bots.previews import PreviewPace, Previews
from engine.errors import DeliveryDelayed, DeliveryRefused
from engine.records import Reply, StepCommit
from engine.testing import RecordingDelivery
from tests.bots.memory_rig import open_memory, scope, until

ADA = scope("ada")


class Board(RecordingDelivery):
    """A platform whose messages can be edited: what stands there, by message."""

    preview_pace = PreviewPace(first_seconds=0.0, between_seconds=0.0)

    def __init__(self):
        super().__init__()
        self.messages = {}
        self.trouble = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.began = asyncio.Event()

    def can_preview(self, address):
        return address != "nowhere"

    async def preview(self, item, text):
        self.began.set()
        await self.hold.wait()
        if self.trouble:
            raise self.trouble.pop(0)
        reference = item.preview_ref or f"m{len(self.messages) + 1}"
        self.messages[reference] = f"{text}..."
        return reference

    async def send(self, item, part, number):
        reference = await super().send(item, part, number)
        if number == 0 and item.preview_ref:
            reference = item.preview_ref
        self.messages[reference] = part
        return reference

    async def withdraw(self, item):
        if self.trouble:
            raise self.trouble.pop(0)
        self.messages.pop(item.preview_ref, None)


class Desk:
    """A sender with previews on a real outbox; a second one is what a restart leaves."""

    def __init__(self, memory, board):
        self.board, self.memory = board, memory
        self.previews = Previews(board, memory.store, memory.clock)
        self.sender = OutboxSender(
            board,
            memory.store,
            memory.clock,
            pacing=Pacing(trouble_seconds=0.0),
            previews=self.previews,
        )

    async def show(self, turn, text):
        """Show, and wait until it is to be seen."""
        self.previews.show(turn, text)
        await until(lambda: f"{text}..." in self.board.messages.values())

    async def commit(self, turn, *texts, state="done"):
        replies = tuple(Reply(text=text) for text in texts)
        step = StepCommit(turn=turn, step=1, replies=replies, state=state, at=self.memory.clock())
        await self.memory.store.commit_step(step)

    async def settle(self):
        await asyncio.wait_for(self.sender.settle(), 5)


@pytest.fixture
async def memory(tmp_path):
    async with open_memory(tmp_path) as opened:
        yield opened


@pytest.fixture
def board():
    return Board()


@asynccontextmanager
async def serving(memory, board):
    desk = Desk(memory, board)
    running = asyncio.create_task(desk.sender.run())
    try:
        yield desk
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await desk.sender.close()


class TestAPreview:
    async def test_becomes_the_reply_in_the_same_message(self, memory, board):
        async with serving(memory, board) as desk:
            turn = await memory.accept(ADA)
            await desk.show(turn, "Hel")
            await desk.show(turn, "Hello A")
            await desk.commit(turn, "Hello Ada.")
            await desk.settle()
        assert board.messages == {"m1": "Hello Ada."}

    async def test_is_taken_over_by_the_first_of_several_replies(self, memory, board):
        async with serving(memory, board) as desk:
            turn = await memory.accept(ADA)
            await desk.show(turn, "On")
            await desk.commit(turn, "One", "Two")
            await desk.settle()
        assert list(board.messages.values()) == ["One", "Two"]
        assert board.messages["m1"] == "One"

    async def test_never_comes_after_the_reply(self, memory, board):
        async with serving(memory, board) as desk:
            turn = await memory.accept(ADA)
            board.hold.clear()
            desk.previews.show(turn, "Hel")
            await board.began.wait()
            await desk.commit(turn, "Hello Ada.")
            desk.sender.wake()
            await until(lambda: not desk.previews._writing, 20)  # the sender waits for its end
            assert board.messages == {}
            board.hold.set()
            await desk.settle()
        assert board.messages == {"m1": "Hello Ada."}

    async def test_is_left_out_when_the_reply_is_there_at_once(self, memory, board):
        board.preview_pace = PreviewPace(first_seconds=60.0, between_seconds=0.0)
        async with serving(memory, board) as desk:
            turn = await memory.accept(ADA)
            desk.previews.show(turn, "Hel")
            await desk.commit(turn, "Hello Ada.")
            await desk.settle()
            await desk.previews.end(turn.id)
        assert list(board.messages.values()) == ["Hello Ada."]
        assert not board.began.is_set()

    async def test_that_fails_leaves_the_reply(self, memory, board):
        board.trouble = [DeliveryRefused("no")]
        async with serving(memory, board) as desk:
            turn = await memory.accept(ADA)
            desk.previews.show(turn, "Hel")
            await board.began.wait()
            await desk.commit(turn, "Hello Ada.")
            await desk.settle()
        assert list(board.messages.values()) == ["Hello Ada."]

    async def test_does_not_overtake_a_reply_that_waits(self, memory, board):
        await memory.reply(ADA, "first")
        desk = Desk(memory, board)
        turn = await memory.accept(ADA)
        assert await memory.store.open_preview(turn, memory.clock()) is None
        desk.previews.show(turn, "Hel")
        await desk.previews.end(turn.id)
        assert board.messages == {}

    async def test_is_begun_by_nobody_but_who_works_on_the_turn(self, memory):
        turn = await memory.accept(ADA)
        open_preview, now = memory.store.open_preview, memory.clock()
        assert await open_preview(replace(turn, attempt=turn.attempt - 1), now) is None
        await memory.store.cancel_turns(ADA, "", now)
        assert await open_preview(turn, now) is None

    async def test_is_not_begun_for_a_turn_that_has_spoken(self, memory):
        turn, now = await memory.accept(ADA), memory.clock()
        said = (Reply(text="I will look."),)
        await memory.store.commit_step(
            StepCommit(turn=turn, step=1, replies=said, state="running", at=now)
        )
        (item,) = await memory.due()
        await memory.store.mark_sending(item.id, now)
        await memory.store.mark_sent(item.id, "m1", now)
        assert await memory.store.open_preview(turn, now) is None


class TestATurnWithoutAReply:
    async def stopped(self, memory, desk, turn):
        await memory.store.cancel_turns(ADA, "", memory.clock())
        await desk.previews.end(turn.id)
        await desk.settle()

    async def test_has_its_preview_taken_away(self, memory, board):
        async with serving(memory, board) as desk:
            turn = await memory.accept(ADA)
            await desk.show(turn, "Hel")
            await self.stopped(memory, desk, turn)
            assert board.messages == {}
            assert await memory.due() == []

    async def test_says_in_its_place_that_it_was_stopped(self, memory, board):
        async with serving(memory, board) as desk:
            turn = await memory.accept(ADA)
            await desk.show(turn, "Hel")
            asked = await memory.store.cancel_asked(
                ADA.tenant, "console:local/m1", ADA.speaker, "Stopped.", memory.clock()
            )
            await desk.settle()
        assert asked.id == turn.id
        assert board.messages == {"m1": "Stopped."}

    async def test_is_tried_again_while_the_platform_is_away(self, memory, board):
        async with serving(memory, board) as desk:
            turn = await memory.accept(ADA)
            await desk.show(turn, "Hel")
            board.trouble = [DeliveryDelayed("not now")]
            await self.stopped(memory, desk, turn)
            assert list(board.messages.values()) == ["Hel..."]
            memory.clock.advance(5)
            await desk.settle()
        assert board.messages == {}


class TestAfterACrash:
    async def test_the_turn_goes_on_in_the_same_message(self, memory, board):
        turn = await memory.accept(ADA)
        dead = Desk(memory, board)
        await dead.show(turn, "Hel")
        async with serving(memory, board) as desk:
            again = await memory.store.next_turn(ADA.agent_id)
            await desk.settle()
            await desk.show(again, "Good d")
            await desk.commit(again, "Good day.")
            await desk.settle()
        await dead.previews.end(turn.id)
        assert board.messages == {"m1": "Good day."}

    async def test_a_reply_that_was_stored_ends_up_in_it(self, memory, board):
        turn = await memory.accept(ADA)
        dead = Desk(memory, board)
        await dead.show(turn, "Hel")
        await dead.commit(turn, "Hello Ada.")
        async with serving(memory, board) as desk:
            await desk.settle()
        await dead.previews.end(turn.id)
        assert board.messages == {"m1": "Hello Ada."}

    async def test_the_platform_hears_that_a_message_may_be_there(self, memory):
        turn = await memory.accept(ADA)
        await memory.store.open_preview(turn, memory.clock())
        await memory.store.cancel_turns(ADA, "", memory.clock())
        [lost] = await memory.due()
        assert (lost.state, lost.preview_ref) == ("preview", "")


class TestOtherReplies:
    async def test_of_the_same_turn_leave_the_preview_alone(self, memory, board):
        """A notice about a file belongs to the message's turn, but is no answer."""
        turn = await memory.accept(ADA)
        item = await memory.store.open_preview(turn, memory.clock())
        assert item.preview_ref is None
        assert await memory.due() == []
        again = await memory.store.open_preview(turn, memory.clock())
        assert (again.id, again.preview_ref) == (item.id, "")


@pytest.mark.behaviour("how.streaming", "terminal")
class TestTheTerminal:
    async def test_shows_the_end_of_what_is_written_until_the_reply_is_there(self, monkeypatch):
        terminal = io.StringIO()
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("LINES", "5")
        screen = RichScreen(force_terminal=True)
        screen.preview("\n".join(f"line {number}" for number in range(9)))
        assert "line 8" in terminal.getvalue()
        assert "line 5" not in terminal.getvalue()
        screen.command_answer("", "", "The reply.")
        assert terminal.getvalue().rstrip().splitlines()[-1].count("The reply.") == 1
