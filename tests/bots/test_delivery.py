"""How replies leave the outbox: in order, once, patiently."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.delivery import OutboxSender, Pacing, retry_delay
from engine.answer_files import AnswerFile
from engine.choices import Choice
from engine.errors import DeliveryDelayed, DeliveryRefused, StoreUnavailable
from engine.hooks import Delivered
from engine.notices import NO_FILE
from engine.records import Reply
from engine.testing import RecordingDelivery
from tests.bots.memory_rig import open_memory, scope, until

ADA, GRACE = scope("ada"), scope("grace")
PACING = Pacing(trouble_seconds=0.0)


class Post:
    """A sender on a real outbox, with what it heard and sent."""

    def __init__(self, memory, delivery=None, pacing=PACING):
        self.memory = memory
        self.delivery = delivery or RecordingDelivery()
        self.heard = []
        self.sender = OutboxSender(
            self.delivery, memory.store, memory.clock, self.heard.append, pacing
        )

    async def settle(self):
        await asyncio.wait_for(self.sender.settle(), 5)

    async def advance(self, seconds):
        self.memory.clock.advance(seconds)
        await self.settle()

    @property
    def sent(self):
        return self.delivery.sent


@pytest.fixture
async def memory(tmp_path):
    async with open_memory(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def sending(memory, delivery=None, pacing=PACING):
    post = Post(memory, delivery, pacing)
    running = asyncio.create_task(post.sender.run())
    try:
        yield post
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.wait_for(post.sender.close(), 5)


class TestSending:
    async def test_what_waits_at_the_start_is_sent(self, memory):
        await memory.reply(ADA, "one", "two")
        async with sending(memory) as post:
            await post.settle()
            assert post.sent == ["one", "two"]
            assert await memory.due() == []

    async def test_a_wake_up_sends_what_was_committed(self, memory):
        async with sending(memory) as post:
            await post.settle()
            await memory.reply(ADA, "later")
            post.sender.wake()
            await until(lambda: post.sent)
            assert post.sent == ["later"]

    async def test_a_long_reply_goes_in_parts(self, memory):
        await memory.reply(ADA, "abcdefgh")
        async with sending(memory, RecordingDelivery(part_chars=3)) as post:
            await post.settle()
            assert post.sent == ["abc", "def", "gh"]

    async def test_another_platform_is_left_alone(self, memory):
        await memory.reply(scope("222", platform="discord", team="111"), "not mine")
        async with sending(memory) as post:
            await post.settle()
            assert post.sent == []

    async def test_each_delivery_is_told_to_the_hook(self, memory):
        await memory.reply(ADA, "one")
        async with sending(memory) as post:
            await post.settle()
        assert post.heard == [Delivered(platform="console", state="sent", attempts=1, parts=1)]


class TestOrder:
    async def test_a_place_waits_for_its_first_reply(self, memory):
        await memory.reply(ADA, "first", "second")
        async with sending(memory) as post:
            post.delivery.fail(1)
            await post.settle()
            assert post.sent == []
            await post.advance(5)
            assert post.sent == ["first", "second"]

    async def test_places_do_not_wait_for_each_other(self, memory):
        await memory.reply(ADA, "held up")
        await memory.reply(GRACE, "on its way")
        delivery = RecordingDelivery()
        delivery.fail(1)
        async with sending(memory, delivery) as post:
            await post.settle()
            assert post.sent == ["on its way"]

    async def test_no_more_places_at_once_than_allowed(self, memory):
        for number in range(5):
            await memory.reply(scope(f"user{number}"), str(number))
        crowd = Crowd()
        async with sending(memory, crowd, Pacing(places=2)) as post:
            await until(lambda: crowd.inside == 2)
            crowd.doors.set()
            await post.settle()
        assert sorted(post.sent) == ["0", "1", "2", "3", "4"]
        assert crowd.most == 2


FILE = AnswerFile(name="plan.md", content=b"Tea at four.")
CHOICE = Choice(label="Undo", command="undo")


class Shelf(RecordingDelivery):
    """A platform on which files stand apart; keeps what every part was sent with."""

    def __init__(self, **more):
        super().__init__(**more)
        self.files_apart = True
        self.seen = []

    async def send(self, item, part, number):
        self.seen.append((number, part, len(item.choices), item.file is not None))
        return await super().send(item, part, number)


class NoFiles(RecordingDelivery):
    """A platform that takes no files."""

    async def send(self, item, part, number):
        if item.file:
            raise DeliveryRefused("No files here.")
        return await super().send(item, part, number)


class TestFiles:
    """A file goes with its reply, once, and its words arrive whatever becomes of it."""

    async def written(self, memory, text="abc", *more):
        await memory.reply(ADA, Reply(text=text, file=FILE, choices=(CHOICE,)), *more)

    async def test_goes_with_the_last_part(self, memory):
        await self.written(memory, "abcdef")
        shelf = Shelf(part_chars=3)
        shelf.files_apart = False
        async with sending(memory, shelf) as post:
            await post.settle()
        assert shelf.seen == [(0, "abc", 0, False), (1, "def", 1, True)]
        assert shelf.files == [FILE]

    async def test_apart_follows_the_words_and_leaves_them_their_buttons(self, memory):
        await self.written(memory)
        shelf = Shelf()
        async with sending(memory, shelf) as post:
            await post.settle()
        assert shelf.seen[0] == (0, "abc", 1, False)
        assert shelf.seen[1][0::3] == (1, True)

    async def test_that_has_to_wait_does_not_repeat_the_words(self, memory):
        await self.written(memory, "ab")
        delivery = FailsAt(1)
        delivery.files_apart = True
        async with sending(memory, delivery) as post:
            await post.settle()
            await post.advance(60)
        assert delivery.numbers == [0, 1, 1]
        assert delivery.files == [FILE]

    async def test_of_a_process_that_died_goes_once(self, memory):
        await self.written(memory)
        delivery = RecordingDelivery()
        (item,) = await memory.due()
        await memory.store.mark_sending(item.id, memory.clock())
        await delivery.send(item, "abc", 0)  # and nobody noted it
        async with sending(memory, delivery) as post:
            await post.settle()
        assert delivery.files == [FILE]
        assert await memory.due() == []

    @pytest.mark.parametrize("apart", [False, True])
    async def test_that_is_refused_leaves_its_words_with_a_sentence(self, memory, apart):
        await self.written(memory, "The plan.", "next")
        delivery = NoFiles()
        delivery.files_apart = apart
        async with sending(memory, delivery) as post:
            await post.settle()
        sentence = NO_FILE.format(name="plan.md")
        words = ["The plan.", sentence] if apart else [f"The plan.\n\n{sentence}"]
        assert delivery.sent == [*words, "next"]
        assert [event.state for event in post.heard] == ["sent", "sent"]

    async def test_that_is_refused_with_its_words_is_undeliverable(self, memory):
        await self.written(memory)
        async with sending(memory) as post:
            post.delivery.fail(2, DeliveryRefused("No such channel."))
            await post.settle()
        assert [event.state for event in post.heard] == ["undeliverable"]


class Crowd(RecordingDelivery):
    """Holds everybody at the door, and counts them."""

    def __init__(self):
        super().__init__()
        self.inside = self.most = 0
        self.doors = asyncio.Event()

    async def send(self, item, part, number):
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.doors.wait()
        self.inside -= 1
        return await super().send(item, part, number)


class TestTrouble:
    async def test_a_delayed_reply_goes_when_its_time_has_come(self, memory):
        await memory.reply(ADA, "late")
        async with sending(memory) as post:
            post.delivery.fail(1, DeliveryDelayed("Busy.", retry_after_seconds=40))
            await post.settle()
            await post.advance(39)
            assert post.sent == []
            await post.advance(2)
            assert post.sent == ["late"]

    async def test_a_lost_response_shows_the_reply_once(self, memory):
        await memory.reply(ADA, "once")
        async with sending(memory) as post:
            post.delivery.lost_responses = 1
            await post.settle()
            await post.advance(60)
            assert post.sent == ["once"]
            assert len(post.delivery.attempts) == 2
            assert len(set(post.delivery.attempts)) == 1

    async def test_only_missing_parts_go_again(self, memory):
        await memory.reply(ADA, "abcdef")
        delivery = FailsAt(2)
        async with sending(memory, delivery) as post:
            await post.settle()
            await post.advance(60)
        assert delivery.numbers == [0, 1, 2, 2]
        assert post.sent == ["ab", "cd", "ef"]

    async def test_a_refused_reply_is_given_up_and_the_next_one_goes(self, memory):
        await memory.reply(ADA, "gone", "here")
        async with sending(memory) as post:
            post.delivery.fail(1, DeliveryRefused("No such channel."))
            await post.settle()
        assert post.sent == ["here"]
        assert [event.state for event in post.heard] == ["undeliverable", "sent"]

    async def test_a_reply_too_old_to_matter_is_given_up(self, memory):
        await memory.reply(ADA, "yesterday")
        memory.clock.advance(timedelta(hours=25))
        async with sending(memory) as post:
            post.delivery.fail(1)
            await post.settle()
        assert post.sent == []
        assert [event.state for event in post.heard] == ["undeliverable"]

    async def test_an_unforeseen_error_keeps_the_reply_and_its_words_out_of_the_log(
        self, memory, caplog
    ):
        await memory.reply(ADA, "kept")
        async with sending(memory) as post:
            post.delivery.fail(1, ValueError("hush"))
            await until(lambda: post.sent)
            await post.settle()
        assert post.sent == ["kept"]
        assert "will be tried again" in caplog.text
        assert "hush" not in caplog.text

    async def test_a_database_that_fails_is_asked_again(self, memory):
        await memory.reply(ADA, "kept")
        flaky = Flaky(memory.store)
        memory.store = flaky
        async with sending(memory) as post:
            await until(lambda: post.sent)
        assert flaky.failures == 0


class FailsAt(RecordingDelivery):
    """Is busy the first time a certain part comes."""

    def __init__(self, number):
        super().__init__(part_chars=2)
        self.number = number
        self.numbers = []

    async def send(self, item, part, number):
        self.numbers.append(number)
        if number == self.number and self.numbers.count(number) == 1:
            raise DeliveryDelayed("Busy.")
        return await super().send(item, part, number)


class Flaky:
    """A store whose outbox cannot be read at first."""

    def __init__(self, store):
        self._store = store
        self.failures = 2

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def outbox_due(self, platform, at, limit):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable
        return await self._store.outbox_due(platform, at, limit)


class TestAfterACrash:
    async def test_what_was_being_sent_goes_again_with_the_same_nonce(self, memory):
        await memory.reply(ADA, "twice tried")
        (item,) = await memory.due()
        await memory.store.mark_sending(item.id, memory.clock())
        async with sending(memory) as post:
            await post.settle()
        assert post.delivery.attempts == [(item.nonce, 0)]
        assert post.sent == ["twice tried"]

    async def test_parts_that_arrived_stay_where_they_are(self, memory):
        await memory.reply(ADA, "abcdef")
        (item,) = await memory.due()
        await memory.store.mark_sending(item.id, memory.clock())
        await memory.store.mark_part_sent(item.id, "ref-0")
        async with sending(memory, RecordingDelivery(part_chars=2)) as post:
            await post.settle()
        assert post.sent == ["cd", "ef"]


class TestEnding:
    async def test_a_send_under_way_is_finished(self, memory):
        await memory.reply(ADA, "on its way")
        crowd = Crowd()
        async with sending(memory, crowd):
            await until(lambda: crowd.inside == 1)
            crowd.doors.set()
        assert crowd.sent == ["on its way"]
        assert await memory.due() == []


class TestDelays:
    @given(st.integers(0, 1000), st.none() | st.floats(0, 1e6))
    def test_are_bounded_and_never_before_the_platform_s_wish(self, attempts, wish):
        pacing = Pacing()
        delay = retry_delay(attempts, wish, pacing)
        assert delay <= max(pacing.retry_cap_seconds, pacing.wish_cap_seconds)
        assert delay >= min(wish or 0, pacing.wish_cap_seconds)

    def test_double_until_the_cap(self):
        assert [retry_delay(n, None, Pacing()) for n in (0, 1, 2, 6, 7)] == [1, 2, 4, 60, 60]
