"""Promise: it comes back to what it was asked to, once, at the person's own time, and only then."""

import asyncio
from datetime import UTC, datetime, timedelta

from bots.delivery import OutboxSender
from engine.assembly import EnginePorts, build_dispatcher
from engine.config import EngineConfig
from engine.hooks import ignore
from engine.testing import FixedClock, RecordingDelivery, ScriptedChatModel, call, calls, say
from engine.tokens import TokenCounter
from storage.sqlite.store import SqliteStore
from tests.bots.memory_rig import until
from tests.bots.processes import PATIENCE_SECONDS, running
from tests.engine.builders import event, room_scope
from tests.fixtures.model_server import ModelServer, text, tool_calls


class Bot:
    """One process on a database: the real engine, store and sender."""

    def __init__(self, store, clock, delivery):
        self.store, self.clock, self.delivery = store, clock, delivery
        self.model = ScriptedChatModel()
        self.sender = OutboxSender(delivery, store, clock)
        ports = EnginePorts(
            store=store,
            model=self.model,
            counter=TokenCounter("scripted"),
            now=clock,
            hook=ignore,
            on_commit=self.sender.wake,
            show_activity=delivery.show_activity,
        )
        self.dispatcher = build_dispatcher(ports, EngineConfig())

    @classmethod
    async def start(cls, folder, clock, delivery):
        store = await SqliteStore.open(folder / "membot.db", embedder=None, now=clock)
        bot = cls(store, clock, delivery)
        bot.sending = asyncio.create_task(bot.sender.run())
        return bot

    async def say(self, text, *script, **changes):
        self.model.then(*script)
        accepted = await self.dispatcher.submit(event(text, sent_at=self.clock(), **changes))
        await self.dispatcher.wait_turn(accepted.turn_id)

    async def stop(self):
        await self.dispatcher.close()
        self.sending.cancel()
        await self.store.close()


def remind(when, reason):
    return calls(
        ("schedule_message", {"when": when, "reason": reason}),
        ("send_message", {"message": "I will."}),
    )


def plan_and_remind(body):
    """A model that plans a reminder for a second from now, and gives it when it is due."""
    if '"timer"' in body["messages"][-1]["content"]:
        return text("The cake!")
    at = datetime.now(UTC) + timedelta(seconds=1)
    arguments = {"when": at.isoformat(), "reason": "take the cake out"}
    return tool_calls(("schedule_message", arguments), ("send_message", {"message": "I will."}))


class TestAReminder:
    async def test_comes_by_itself_while_the_chat_is_open(self, tmp_path):
        async with (
            ModelServer() as model,
            running(tmp_path, "chat", OPENAI_BASE_URL=model.url) as chat,
        ):
            model.respond = plan_and_remind
            chat.stdin.write(b"Remind me of the cake in two seconds\n")
            async with asyncio.timeout(PATIENCE_SECONDS):
                said = [await chat.stdout.readline() for _ in range(2)]
        assert said == [b"I will.\n", b"The cake!\n"]

    async def test_that_was_missed_comes_once_after_the_restart(self, tmp_path):
        clock, delivery = FixedClock(), RecordingDelivery()
        bot = await Bot.start(tmp_path, clock, delivery)
        ask = remind("2026-11-21 12:30", "take the cake out")
        await bot.say("Remind me at half past twelve", ask, timezone="Europe/Berlin")
        await bot.stop()
        clock.advance(timedelta(hours=5))
        for _ in range(2):
            bot = await Bot.start(tmp_path, clock, delivery)
            bot.model.then(call("send_message", message="The cake! Sorry, I was away."))
            await bot.dispatcher.start()
            await until(lambda: len(delivery.sent) == 2, seconds=20)
            await bot.stop()
        assert delivery.sent == ["I will.", "The cake! Sorry, I was away."]

    async def test_that_comes_again_and_again_ends_with_who_asked_for_it(self, tmp_path):
        clock, delivery = FixedClock(), RecordingDelivery()
        bot = await Bot.start(tmp_path, clock, delivery)
        room = room_scope("ada")
        await bot.say("Every morning", remind("0 9 * * *", "stand-up"), scope=room)
        for day in range(2):
            clock.advance(timedelta(days=1))
            bot.model.then(say("Stand-up!"))
            await bot.dispatcher.scheduler.fire_due()
            await until(lambda day=day: len(delivery.sent) == day + 2, seconds=20)
        receipt = await bot.store.forget(room.speaker, actor="ada", at=clock())
        assert receipt.removed["schedules"] == 1
        clock.advance(timedelta(days=1))
        await bot.dispatcher.scheduler.fire_due()
        assert await bot.store.agents_with_turns() == []
        assert delivery.sent == ["I will.", "Stand-up!", "Stand-up!"]
        await bot.stop()
