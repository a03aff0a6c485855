"""Memory in one's own hands on Slack: words and buttons on the real command layer."""

import pytest

from bots.command_table import COMMANDS as TABLE
from bots.routing import Origin, scope_of
from bots.slack_bot.adapter import SlackAdapter
from tests.bots.in_hand import about, card, commands_of, tell
from tests.bots.slack.conftest import Bot, Clock, RecordingInbox, ports_of
from tests.engine.conftest import memory, rig
from tests.fixtures.slack_server import APP_TOKEN, BOT_TOKEN

__all__ = ["memory", "rig"]
SCOPE = scope_of(Origin(platform="slack", team="T1", user="U1", room="C1"))


@pytest.fixture
async def bot(slack, rig):
    inbox, runner, clock = RecordingInbox(slack), commands_of(rig), Clock()
    adapter = SlackAdapter(
        BOT_TOKEN,
        ports_of(inbox, runner, TABLE, clock),
        api_base_url=slack.base_url,
        ping_interval_seconds=0.1,
        app_token=APP_TOKEN,
    )
    async with Bot(slack, inbox, runner, clock, adapter).serve() as serving:
        yield serving


@pytest.mark.behaviour("command.memory-show", "slack")
@pytest.mark.behaviour("command.memory-search", "slack")
@pytest.mark.behaviour("command.memory-edit", "slack")
@pytest.mark.behaviour("command.memory-undo", "slack")
@pytest.mark.behaviour("command.memory-pin", "slack")
@pytest.mark.behaviour("command.memory-history", "slack")
@pytest.mark.behaviour("command.memory-restore", "slack")
@pytest.mark.behaviour("command.memory-card", "slack")
@pytest.mark.behaviour("command.memory-forget", "slack")
@pytest.mark.behaviour("who.card", "slack")
async def test_told_shown_edited_undone_pinned_forgotten(bot, slack, rig):
    async def answered(payload, kind):
        before = len(slack.responses)
        await bot.take(payload, kind)
        await slack.until(lambda: len(slack.responses) > before)
        return slack.responses[-1]

    async def give(words):
        return await answered(slack.slash(f"memory {words}"), "slash_commands")

    async def press(message, label):
        buttons = message["blocks"][-1]["elements"]
        pressed = next(one for one in buttons if one["text"]["text"] == label)
        return await answered(slack.press(pressed), "interactive")

    def text(message):
        return message["blocks"][0]["text"]

    await tell(rig, SCOPE, "I play the cello.", "Plays the cello.")
    assert "- Plays the cello. (you, " in text(await give("show"))
    assert "I play the cello." in text(await give("search cello"))
    await press(await give("edit cello Plays the viola."), "Undo")
    assert await about(rig, SCOPE) == "Plays the cello."
    pinned = await give("pin cello")
    assert "(pinned, you, " in text(await give("show"))
    await press(pinned, "Unpin")
    assert "memory unpin" in text(await give("history"))

    then = f"{rig.clock():%Y-%m-%d %H:%M}"
    rig.clock.advance(60)
    asked = await give("forget cello")
    assert "Plays the cello." in text(asked)
    done = await press(asked, "Forget it")
    assert text(done).startswith("Forgotten, with all that came of it: 1 line, 1 message.")
    assert await about(rig, SCOPE) == ""
    assert "cello" not in text(await give(f"restore {then}"))

    await press(await give("card Deaf in one ear."), "Use this card")
    assert await card(rig, SCOPE) == "Deaf in one ear."
    await give("card none")
    assert await card(rig, SCOPE) is None


@pytest.mark.behaviour("command.locale", "slack")
async def test_a_german_asker_is_answered_in_german(bot, slack, rig):
    slack.users["U1"]["locale"] = "de-DE"
    await tell(rig, SCOPE, "I play the cello.", "Plays the cello.")
    for words in ("show", "forget cello", "forget"):
        await bot.take(slack.slash(f"memory {words}"), "slash_commands")
    await slack.until(lambda: len(slack.responses) == 3)
    texts = "\n".join(answer["blocks"][0]["text"] for answer in slack.responses)
    assert "- Plays the cello. (du, " in texts
    assert "Das vergesse ich:" in texts
    assert "`item` fehlt." in texts
    labels = [one["text"]["text"] for answer in slack.responses for one in buttons_of(answer)]
    assert labels == ["Vergessen", "Abbrechen"]


def buttons_of(answer):
    return [one for block in answer["blocks"] for one in block.get("elements", ())]
