"""How soon do people see that they were heard, when fifty write and the model takes five seconds?

    python -m bench.chat_load --people 50 --seconds 60

`membot run` serves a Discord and a Slack on loopback. On each of them so many people write, in
direct messages and, by mention, in rooms; some of what they write is a command. What the platforms
received is then looked through: when the first sign came that stands for a message, and how much
of each rate limit was used in the worst stretch of time. Exits with 1 when a limit was exceeded.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.platforms import membot_run
from bench.report import report
from tests.fixtures.discord_server import BOT_ID, DiscordServer, channel_payload
from tests.fixtures.limits import DISCORD, SLACK, Arrival, Limit
from tests.fixtures.model_server import ModelServer
from tests.fixtures.slack_server import BOT_USER, SlackServer

MODEL_SECONDS = 5.0
PEOPLE_A_ROOM = 5
IN_ROOMS = 0.6
COMMANDS = 0.1
EACH_SECONDS = 30.0  # between two messages of one person, on average
TYPING_SECONDS = 10.0  # how long Discord shows a typing sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person wrote, with the message and the thread that a sign for it would name."""

    at: float
    channel: str
    message: str
    threads: tuple[str, ...] = ()


class DiscordCrowd:
    """People on Discord."""

    name, limits = "Discord", DISCORD

    def __init__(self, server: DiscordServer, people: int) -> None:
        self._server = server
        self.said: list[Said] = []
        self._rooms = [str(300 + n) for n in range(rooms(people))]
        server.limited = True
        for room in self._rooms:
            server.channels[room] = channel_payload(room, f"room-{room}")

    async def say(self, person: int, chance: random.Random) -> None:
        """A message, or a command, of one of them."""
        at, user = time.monotonic(), str(7000 + person)
        if chance.random() < COMMANDS:
            data = {"id": "1", "name": "status", "type": 1}
            number = await self._server.interact(2, data, user=user)
            self.said.append(Said(at=at, channel="", message=number))
            return
        if chance.random() < IN_ROOMS:
            room = self._rooms[person % len(self._rooms)]
            number = await self._server.say(f"<@{BOT_ID}> {words(chance)}", channel=room, user=user)
        else:
            room = f"55{user}"
            number = await self._server.say_directly(words(chance), user=user)
        self.said.append(Said(at=at, channel=room, message=number))

    @property
    def arrivals(self) -> Sequence[Arrival]:
        """What the platform received."""
        return self._server.arrivals

    def signs(self, said: Said) -> Iterator[float]:
        """When signs came that stand for a message; one that is still shown counts as at once."""
        typing = None
        for one in self.arrivals:
            here = one.channel == said.channel and bool(said.channel)
            if f"/interactions/{said.message}/" in one.route:
                yield one.at
            elif here and one.at < said.at:
                typing = shown(one, typing)
            elif (here and one.route.startswith("POST")) or (
                "/reactions/" in one.route and f"/{said.message}/" in one.route
            ):
                yield one.at
        if typing is not None and said.at - typing < TYPING_SECONDS:
            yield said.at


def shown(one: Arrival, typing: float | None) -> float | None:
    """Since when a channel shows that the bot types; a message of it ends that."""
    if one.route.endswith("/typing"):
        return one.at
    return None if one.route.startswith("POST") else typing


class SlackCrowd:
    """People on Slack."""

    name, limits = "Slack", SLACK

    def __init__(self, server: SlackServer, people: int) -> None:
        self._server = server
        self.said: list[Said] = []
        self._rooms = [f"C{300 + n}" for n in range(rooms(people))]
        for room in self._rooms:
            server.channels[room] = {"id": room, "name": f"room-{room}"}
        for person in range(people):
            user = f"U{7000 + person}"
            profile = {"display_name": f"Person {person}"}
            server.users[user] = {"id": user, "name": user.lower(), "profile": profile}

    async def say(self, person: int, chance: random.Random) -> None:
        """A message, or a command, of one of them."""
        at, user = time.monotonic(), f"U{7000 + person}"
        if chance.random() < COMMANDS:
            payload = self._server.slash("status", user_id=user)
            number = await self._server.push("slash_commands", payload)
            self.said.append(Said(at=at, channel="", message=number))
            return
        if chance.random() < IN_ROOMS:
            room = self._rooms[person % len(self._rooms)]
            place = {"channel": room, "channel_type": "channel"}
            text = f"<@{BOT_USER}> {words(chance)}"
        else:
            room = f"D{7000 + person}"
            place, text = {"channel": room}, words(chance)
        message = self._server.message(text, user=user, **place)
        await self._server.push("events_api", self._server.event(message))
        self.said.append(Said(at=at, channel=room, message=message["ts"]))

    @property
    def arrivals(self) -> Sequence[Arrival]:
        """What the platform received."""
        return self._server.arrivals

    def signs(self, said: Said) -> Iterator[float]:
        """When signs came that name the message as their thread or as their own."""
        if not said.channel:
            yield from (at for ack, at in self._server.acked_at.items() if ack == said.message)
        for one in self.arrivals:
            named = {one.body.get("thread_ts"), one.body.get("timestamp")}
            if one.channel == said.channel and said.message in named:
                yield one.at


Crowd = DiscordCrowd | SlackCrowd


def rooms(people: int) -> int:
    return max(1, round(people * IN_ROOMS) // PEOPLE_A_ROOM)


def words(chance: random.Random) -> str:
    return " ".join(chance.choices(("tea", "moon", "river", "kettle", "garden", "tide"), k=6))


async def write(crowd: Crowd, people: int, seconds: float, each: float) -> None:
    """Everybody writes at times of their own until the time is over."""

    async def person(number: int) -> None:
        chance = random.Random(number)
        end = time.monotonic() + seconds
        while (wait := chance.expovariate(1 / each)) < end - time.monotonic():
            await asyncio.sleep(wait)
            await crowd.say(number, chance)

    await asyncio.gather(*(person(number) for number in range(people)))


def waits(crowd: Crowd) -> list[float]:
    """Seconds from each message to its first sign; infinite where none ever came."""
    return [
        min((at - one.at for at in crowd.signs(one)), default=float("inf")) for one in crowd.said
    ]


def rows(crowd: Crowd) -> list[dict[str, object]]:
    """The lines of the table."""
    seconds = sorted(waits(crowd))
    signs = {
        "platform": crowd.name,
        "what": f"first sign of {len(seconds)} messages and commands: median, 99 of 100",
        "counted": f"{statistics.median(seconds):.3f} s, {percentile(seconds, 99):.3f} s",
        "allowed": "1 s",
        "kept": percentile(seconds, 99) < 1,
    }
    return [signs, *(row(crowd, limit) for limit in crowd.limits)]


def row(crowd: Crowd, limit: Limit) -> dict[str, object]:
    used = limit.used(crowd.arrivals)
    return {
        "platform": crowd.name,
        "what": limit.name,
        "counted": f"{used} in {limit.seconds:g} s",
        "allowed": str(limit.most),
        "kept": used <= limit.most,
    }


def percentile(ordered: Sequence[float], share: int) -> float:
    """The value that so many in a hundred do not exceed."""
    return ordered[-(-len(ordered) * share // 100) - 1]


async def measure(
    people: int, seconds: float, model_seconds: float, each: float
) -> list[dict[str, object]]:
    """Both platforms at once, and until the last answers had their time."""
    async with DiscordServer() as discord, SlackServer() as slack, ModelServer() as model:
        model.seconds = model_seconds
        slack.epoch = int(time.time())
        discord.write_at(time.time())
        crowds: list[Crowd] = [DiscordCrowd(discord, people), SlackCrowd(slack, people)]
        settings = {"OPENAI_BASE_URL": model.url, "MEMBOT_MODEL": "fake"}
        with tempfile.TemporaryDirectory() as folder:
            async with membot_run(Path(folder), discord, slack, **settings):
                await asyncio.gather(*(write(crowd, people, seconds, each) for crowd in crowds))
                await asyncio.sleep(2 * model_seconds)
    return [line for crowd in crowds for line in rows(crowd)]


def main(
    people: Annotated[int, typer.Option(help="On each platform.")] = 50,
    seconds: Annotated[float, typer.Option(help="How long they write.")] = 60,
    model_seconds: Annotated[float, typer.Option(help="What the model takes.")] = MODEL_SECONDS,
    each: Annotated[float, typer.Option(help="Between two messages of one.")] = EACH_SECONDS,
) -> None:
    """Write, count, report."""
    lines = asyncio.run(measure(people, seconds, model_seconds, each))
    report("chat_load", lines)
    raise typer.Exit(0 if all(line["kept"] for line in lines) else 1)


if __name__ == "__main__":
    typer.run(main)
