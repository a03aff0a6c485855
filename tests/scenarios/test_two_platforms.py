"""Two people, two channels, a thread and two platforms: who remembers what, after a restart."""

import pytest

from bench.two_platforms import page, record

NOTHING = "found nothing about that"


@pytest.mark.behaviour("together.two-platforms", "discord", "slack")
@pytest.mark.behaviour("who.no-leak", "discord", "slack")
async def test_each_place_remembers_what_was_said_there_and_nothing_else():
    told, asked = await record()
    assert all("I will remember that" in one.answer for one in told)
    answers = {(one.line.place, one.line.who, one.line.text): one.answer for one in asked}
    knows = {key for key, answer in answers.items() if NOTHING not in answer}
    thread = "Discord #kitchen, thread “tea”"
    assert knows == {
        (thread, "Bob", "When is the oven booked?"),
        ("Discord #garden", "Ada", "Where do the tulips sleep?"),
        ("Discord, direct message", "Ada", "What opens my locker?"),
        ("Slack #launch", "Ada", "When is the launch?"),
        ("Slack, direct message", "Ada", "How is my sister called?"),
    }
    assert "Ada said on" in answers[thread, "Bob", "When is the oven booked?"]
    assert "4711" in answers["Discord, direct message", "Ada", "What opens my locker?"]
    assert "ends and starts again" in page([told, asked])
