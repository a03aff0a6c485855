"""The receipt under an answer and the line about memory pressure, from Slack to the database."""

import pytest

from bots.command_families import build_commands
from bots.command_table import COMMANDS
from bots.conversation_commands import StatusInfo
from bots.delivery import OutboxSender
from bots.slack_bot.adapter import SlackAdapter
from engine.testing import call, calls
from tests.bots.memory_rig import deliver_all
from tests.bots.slack.conftest import Bot, ports_of
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture
from tests.fixtures.slack_server import APP_TOKEN, BOT_TOKEN, BOT_USER

INFO = StatusInfo(model="scripted", is_demonstration=False, context_tokens=4096, version="0")
SIGN = "\u24d8"
ROOM = {"channel": "C1", "channel_type": "channel"}


@pytest.fixture
def memory():
    return {"agent": "off"}


class Whole:
    """A bot on an engine, and what people do to it."""

    def __init__(self, rig, bot):
        self.rig = rig
        self.bot = bot
        self.slack = bot.slack
        self.sender = OutboxSender(bot.adapter, rig.store, rig.clock, receipts=True)

    async def talk(self, text):
        """Say something to it; the last message it posts."""
        await self.bot.say(f"<@{BOT_USER}> {text}", **ROOM)
        await deliver_all(self.rig, self.sender, "slack")
        return self.slack.posted[-1]

    async def press(self, message, label, **more):
        """Press a button; the answer that comes for whoever did."""
        before = len(self.slack.responses)
        await self.bot.take(self.slack.press(buttons(message)[label], **more), "interactive")
        await self.slack.until(lambda: len(self.slack.responses) > before)
        return self.slack.responses[-1]


def buttons(message):
    rows = [block for block in message.get("blocks", ()) if block["type"] == "actions"]
    return {button["text"]["text"]: button for row in rows for button in row["elements"]}


def shown(message):
    return message["blocks"][0]["text"]


@pytest.fixture
async def whole(rig, slack):
    commands = build_commands(
        store=rig.store, inbox=rig.dispatcher, admins=frozenset(), now=rig.clock, info=INFO
    )
    adapter = SlackAdapter(
        BOT_TOKEN,
        ports_of(rig.dispatcher, commands, COMMANDS, rig.clock),
        app_token=APP_TOKEN,
        api_base_url=slack.base_url,
    )
    async with Bot(slack, rig.dispatcher, commands, rig.clock, adapter).serve() as bot:
        await slack.until(lambda: slack.connections)
        yield Whole(rig, bot)


def wrote(line, label="human"):
    return calls(
        ("core_memory_append", {"label": label, "content": line}),
        ("send_message", {"message": "Noted."}),
    )


class TestTheReceipt:
    @pytest.mark.behaviour("receipt.written", "slack")
    async def test_opens_under_an_answer_for_whoever_presses_alone(self, rig, whole):
        rig.script(wrote("Likes tea."))
        answer = await whole.talk("I like tea")
        assert list(buttons(answer)) == [SIGN]
        opened = await whole.press(answer, SIGN)
        assert opened["response_type"] == "ephemeral"
        assert "Likes tea." in shown(opened)
        assert list(buttons(opened)) == ["Undo", "Forget", "Not true"]
        other = await whole.press(answer, SIGN, user="U2")
        assert "used and wrote nothing" in shown(other)
        assert buttons(other) == {}

    @pytest.mark.behaviour("receipt.used", "slack")
    @pytest.mark.behaviour("receipt.source-links", "slack")
    async def test_links_what_was_used_to_its_message(self, rig, whole):
        rig.script(call("send_message", message="Hello Tom."))
        await whole.talk("my cat is Tom")
        rig.script(
            call("conversation_search", query="cat Tom", request_heartbeat=True),
            call("send_message", message="Tom."),
        )
        answer = await whole.talk("what is my cat called?")
        opened = await whole.press(answer, SIGN)
        assert "my cat is Tom ([message](https://team.slack.com/archives/C1/p" in shown(opened)

    @pytest.mark.behaviour("receipt.undo", "slack")
    async def test_undo_is_pressed_under_it(self, rig, whole):
        rig.script(wrote("We sail.", "room"))
        opened = await whole.press(await whole.talk("we sail"), SIGN)
        assert "Taken back" in shown(await whole.press(opened, "Undo"))
        assert "nothing was changed" in shown(await whole.press(opened, "Undo"))

    @pytest.mark.behaviour("receipt.forget", "slack")
    async def test_forget_asks_once_more(self, rig, whole):
        rig.script(wrote("Likes xylophonequartz."))
        answer = await whole.talk("I like xylophonequartz")
        asked = await whole.press(await whole.press(answer, SIGN), "Forget")
        assert list(buttons(asked)) == ["Forget it", "Cancel"]
        assert "Forgotten" in shown(await whole.press(asked, "Forget it"))
        assert "used and wrote nothing" in shown(await whole.press(answer, SIGN))

    @pytest.mark.behaviour("receipt.not-true", "slack")
    async def test_not_true_withdraws_it(self, rig, whole):
        rig.script(wrote("Lives in Berlin."))
        opened = await whole.press(await whole.talk("I left Berlin"), SIGN)
        assert "not to learn it again" in shown(await whole.press(opened, "Not true"))


class TestMemoryPressure:
    @pytest.fixture
    def memory(self):
        return {"agent": "off", "context_tokens": 8192, "pressure_line": True}

    @pytest.mark.behaviour("receipt.pressure", "slack")
    @pytest.mark.behaviour("receipt.pin-and-let-go", "slack")
    async def test_is_one_line_with_pin_and_let_go_for_anyone_there(self, rig, whole):
        rig.model._otherwise = call("send_message", message="I see. " * 20)
        line = {"text": ""}
        for number in range(40):
            line = await whole.talk(f"Fact {number}: the mast is {number} m. " * 6)
            if "text" in line and line["text"].startswith("memory"):
                break
        assert list(buttons(line)) == ["Pin", "Let go"]
        done = await whole.press(line, "Let go", user="U2")
        assert "summarised when" in shown(done)
        done = await whole.press(line, "Pin", user="U2")
        assert "Pinned" in shown(done)
