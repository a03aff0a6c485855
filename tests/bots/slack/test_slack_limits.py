"""What Slack takes a minute, and a channel a second, counted by the server."""

import asyncio

import pytest

from bots.slack_bot.limits import SlackLimits
from tests.bots.slack.conftest import a_turn, an_item
from tests.fixtures.limits import SLACK


async def test_messages_of_one_channel_are_a_second_apart(bot, slack):
    await bot.say("hello")
    [event] = bot.inbox.events
    sends = (bot.adapter.send(an_item(event, text), text, 0) for text in ("one", "two"))
    await asyncio.gather(*sends)
    assert [post["markdown_text"] for post in slack.posted] == ["one", "two"]
    assert all(limit.used(slack.arrivals) <= limit.most for limit in SLACK)


async def test_more_sessions_than_slack_takes_a_minute_are_shown_by_the_older_call(bot, slack):
    for number in range(30):
        await bot.say(f"hello {number}")
    await slack.until(lambda: len(slack.statuses) == 30)
    for number, event in enumerate(bot.inbox.events, 1):
        await bot.adapter.show_activity(a_turn(event, f"turn-{number}"), "idle")
    shown = [status for *_, status in slack.statuses]
    assert {word: shown.count(word) for word in shown} == {
        "processing": 24,
        "is thinking...": 6,
        "active": 24,
        "": 6,
    }


async def test_a_turn_that_follows_keeps_the_session_in_processing(bot, slack):
    said = await bot.say("hello")
    await slack.until(lambda: slack.statuses)
    [event] = bot.inbox.events
    leaving = bot.adapter.show_activity(a_turn(event), "idle")
    following = bot.adapter.show_activity(a_turn(event, "turn-2"), "working")
    await asyncio.gather(leaving, following)
    assert slack.statuses[-1] == ("D1", said["ts"], "processing")


async def test_sessions_end_no_faster_than_they_may_begin():
    limits = SlackLimits()
    for _ in range(24):
        await limits.end_of_session()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await limits.end_of_session()
