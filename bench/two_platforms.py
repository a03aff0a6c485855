"""Two people, two channels, a thread and two platforms, with one bot and a restart between.

    python -m bench.two_platforms

`membot run` serves a Discord and a Slack on loopback; the demonstration brain answers, which says
nothing but what memory gives it. What is said and answered goes to docs/transcripts/.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.platforms import membot_run
from tests.fixtures.discord_server import (
    BOT_ID,
    CHANNEL_ID,
    CONTENT_GRANTED,
    DiscordServer,
    channel_payload,
    thread_payload,
    user_payload,
)
from tests.fixtures.slack_server import BOT_USER, SlackServer

PAGE = Path(__file__).parent.parent / "docs" / "transcripts" / "two-platforms.md"
_ANSWER_SECONDS = 30.0
_ANSWERS = ("I will remember that", "found nothing about that", " said on ")
_HEAD = """# Two people, two channels, a thread, two platforms

Recorded by `python -m bench.two_platforms`: one bot between a Discord and a Slack on loopback. \
The demonstration brain answers; it says nothing but what its memory gives it, so that every \
answer shows what is remembered there. Ada and Bob have not linked their accounts.
"""
_GARDEN, _THREAD, _LAUNCH = "201", "300", "C2"
_PLACES = {
    "Discord #kitchen": CHANNEL_ID,
    "Discord #kitchen, thread \u201ctea\u201d": _THREAD,
    "Discord #garden": _GARDEN,
    "Discord, direct message": "",
    "Slack #kitchen": "C1",
    "Slack #launch": _LAUNCH,
    "Slack, direct message": "",
}
_DISCORD = {"Ada": "7", "Bob": "8"}
_SLACK = {"Ada": "U1", "Bob": "U2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something said at a place, and whether it names the bot."""

    place: str
    who: str
    text: str
    mention: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A line and what the bot said to it."""

    line: Line
    answer: str


FIRST = (
    Line(place="Discord #kitchen", who="Ada", text="Remember that the oven is booked for Friday."),
    Line(place="Discord #garden", who="Bob", text="Remember that the tulips sleep in the shed."),
    Line(
        place="Discord, direct message",
        who="Ada",
        text="Remember that my locker opens with 4711.",
    ),
    Line(place="Slack #launch", who="Bob", text="Remember that the launch is on 9 May."),
    Line(place="Slack, direct message", who="Ada", text="Remember that my sister is called Grace."),
)
THEN = (
    Line(
        place="Discord #kitchen, thread \u201ctea\u201d", who="Bob", text="When is the oven booked?"
    ),
    Line(
        place="Discord #kitchen, thread \u201ctea\u201d",
        who="Ada",
        text="Where do the tulips sleep?",
        mention=False,
    ),
    Line(place="Discord #garden", who="Ada", text="Where do the tulips sleep?"),
    Line(place="Discord #garden", who="Ada", text="What opens my locker?"),
    Line(place="Discord, direct message", who="Ada", text="What opens my locker?"),
    Line(place="Discord, direct message", who="Bob", text="What opens the locker of Ada?"),
    Line(place="Slack #launch", who="Ada", text="When is the launch?"),
    Line(place="Slack #kitchen", who="Bob", text="When is the launch?"),
    Line(place="Slack, direct message", who="Ada", text="How is my sister called?"),
    Line(place="Slack, direct message", who="Bob", text="How is the sister of Ada called?"),
    Line(place="Slack, direct message", who="Ada", text="When is the oven booked?"),
)


class Stage:
    """Both platforms with their places and people."""

    def __init__(self) -> None:
        self.discord, self.slack = DiscordServer(), SlackServer()
        self.discord.application_flags = CONTENT_GRANTED
        self.slack.epoch = int(time.time())
        self.discord.write_at(time.time())
        self.discord.channels[CHANNEL_ID] = channel_payload(CHANNEL_ID, "kitchen")
        self.discord.channels[_GARDEN] = channel_payload(_GARDEN, "garden")
        self.discord.threads = [thread_payload(_THREAD)]
        self.slack.users = {
            user: {"id": user, "name": who.lower(), "profile": {"display_name": who}}
            for who, user in _SLACK.items()
        }
        self.slack.channels = {
            "C1": {"id": "C1", "name": "kitchen"},
            _LAUNCH: {"id": _LAUNCH, "name": "launch"},
        }

    async def play(self, lines: Sequence[Line]) -> list[Exchange]:
        """Say each line and wait for its answer."""
        exchanges = []
        for line in lines:
            on_slack = line.place.startswith("Slack")
            answer = await (self._on_slack(line) if on_slack else self._on_discord(line))
            exchanges.append(Exchange(line=line, answer=answer))
        return exchanges

    async def _on_discord(self, line: Line) -> str:
        user = _DISCORD[line.who]
        author = user_payload(user) | {"global_name": line.who}
        if room := _PLACES[line.place]:
            text = f"<@{BOT_ID}> {line.text}" if line.mention else line.text
            said = await self.discord.say(text, channel=room, user=user, author=author)
        else:
            said = await self.discord.say_directly(line.text, user=user, author=author)
        reference = f"'message_id': {said}"

        def answer() -> str:
            return _answer_in(
                one.body["content"]
                for one in self.discord.arrivals
                if one.route.endswith("/messages") and reference in str(one.body)
            )

        await self.discord.until(answer)
        return answer()

    async def _on_slack(self, line: Line) -> str:
        room, user = _PLACES[line.place], _SLACK[line.who]
        text = f"<@{BOT_USER}> {line.text}" if room else line.text
        place = {"channel": room, "channel_type": "channel"} if room else {"channel": f"D{user}"}
        before = len(self.slack.posted)
        await self.slack.push(
            "events_api", self.slack.event(self.slack.message(text, user=user, **place))
        )

        def answer() -> str:
            return _answer_in(
                post.get("markdown_text") or post.get("text", "")
                for post in self.slack.posted[before:]
                if post["channel"] == place["channel"]
            )

        await self.slack.until(answer, _ANSWER_SECONDS)
        return answer()


def _answer_in(texts: Iterable[str]) -> str:
    """What the demonstration answered; a notice at a first meeting is none."""
    return next((text for text in texts if any(words in text for words in _ANSWERS)), "")


async def record() -> list[list[Exchange]]:
    """The whole play, in two acts of one database."""
    stage = Stage()
    acts = []
    with tempfile.TemporaryDirectory() as folder:
        async with stage.discord, stage.slack:
            for lines in (FIRST, THEN):
                async with membot_run(Path(folder), stage.discord, stage.slack):
                    acts.append(await stage.play(lines))
    return acts


def page(acts: Sequence[Sequence[Exchange]]) -> str:
    """The transcript as Markdown, with the restart marked."""
    first, then = ("\n".join(map(_paragraph, act)) for act in acts)
    return f"{_HEAD}\n{first}\n---\n\n*The bot ends and starts again.*\n\n{then}"


def _paragraph(exchange: Exchange) -> str:
    line = exchange.line
    said = f"@membot {line.text}" if line.mention and _PLACES[line.place] else line.text
    answer = exchange.answer.replace("\n", "\n> ")
    return f"**{line.place}**\n\n{line.who}: {said}\n\n> {answer}\n"


def main() -> None:
    """Play it and write it down."""
    PAGE.write_text(page(asyncio.run(record())), encoding="utf-8")


if __name__ == "__main__":
    main()
