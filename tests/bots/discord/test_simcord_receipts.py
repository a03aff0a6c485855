"""The receipt under an answer and the line about memory pressure, from Discord to the database."""

import pytest

from bots.command_families import build_commands
from bots.command_table import COMMANDS
from bots.conversation_commands import StatusInfo
from bots.delivery import OutboxSender
from engine.testing import call, calls
from tests.bots.discord.doubles import make_adapter
from tests.bots.memory_rig import deliver_all
from tests.engine.conftest import rig as rig  # noqa: PLC0414 - the fixture

INFO = StatusInfo(model="scripted", is_demonstration=False, context_tokens=4096, version="0")
SIGN = "\u24d8"
SILENT = 1 << 12  # Source: https://discord.com/developers/docs/resources/message#message-object


@pytest.fixture
def memory():
    return {"agent": "off"}


@pytest.fixture
def runner(rig):
    return build_commands(
        store=rig.store, inbox=rig.dispatcher, admins=frozenset(), now=rig.clock, info=INFO
    )


@pytest.fixture
def adapter(rig, runner):
    return make_adapter(rig.dispatcher, runner, table=COMMANDS)


@pytest.fixture
def talk(rig, adapter, general, me):
    """Say something to the bot and have everything delivered that comes of it."""
    sender = OutboxSender(adapter, rig.store, rig.clock, receipts=True)

    async def say(person, text):
        await person.send(general, f"{me} {text}")
        await deliver_all(rig, sender, "discord")
        return general.last_message

    return say


def wrote(line, label="human"):
    return calls(
        ("core_memory_append", {"label": label, "content": line}),
        ("send_message", {"message": "Noted."}),
    )


def labels(message):
    """Of the buttons of a message, or of an answer that only one person sees."""
    rows = [row if isinstance(row, dict) else row.to_dict() for row in message.components]
    return [button["label"] for row in rows for button in row["components"]]


class TestTheReceipt:
    @pytest.mark.behaviour("receipt.written", "discord")
    async def test_opens_under_an_answer_for_whoever_presses_alone(
        self, rig, talk, general, ada, me
    ):
        rig.script(wrote("Likes tea."))
        answer = await talk(ada, "I like tea")
        assert (answer.content, labels(answer)) == ("Noted.", [SIGN])
        opened = await ada.click(answer, label=SIGN)
        assert opened.response.ephemeral
        assert "Likes tea." in opened.response.content
        assert labels(opened.response) == ["Undo", "Forget", "Not true"]

    async def test_shows_others_nothing_of_what_is_about_the_person(
        self, rig, talk, general, ada, bob, me
    ):
        rig.script(wrote("Likes tea."))
        answer = await talk(ada, "I like tea")
        opened = await bob.click(answer, label=SIGN)
        assert "used and wrote nothing" in opened.response.content
        assert labels(opened.response) == []

    @pytest.mark.behaviour("receipt.used", "discord")
    @pytest.mark.behaviour("receipt.source-links", "discord")
    async def test_links_what_was_used_to_its_message(self, rig, talk, general, ada):
        rig.script(call("send_message", message="Hello Tom."))
        said = (await talk(ada, "my cat is Tom")).reference.message_id
        rig.script(
            call("conversation_search", query="cat Tom", request_heartbeat=True),
            call("send_message", message="Tom."),
        )
        answer = await talk(ada, "what is my cat called?")
        opened = await ada.click(answer, label=SIGN)
        link = f"https://discord.com/channels/{general.guild.id}/{general.id}/{said}"
        assert f"my cat is Tom ([message]({link}))" in opened.response.content

    async def test_is_not_there_when_there_is_nothing_to_show(self, rig, talk, ada):
        rig.script(call("send_message", message="Hello."))
        assert labels(await talk(ada, "hi")) == []

    @pytest.mark.behaviour("receipt.undo", "discord")
    async def test_undo_is_pressed_under_it_also_after_a_restart(
        self, rig, simcord_env, talk, ada, adapter
    ):
        rig.script(wrote("We sail.", "room"))
        answer = await talk(ada, "we sail")
        await simcord_env.restart_bot(adapter.new_client())
        opened = await ada.click(answer, label=SIGN)
        done = await ada.click(opened.response, label="Undo")
        assert "Taken back" in done.response.content
        again = await ada.click(opened.response, label="Undo")
        assert "nothing was changed" in again.response.content

    @pytest.mark.behaviour("receipt.forget", "discord")
    async def test_forget_asks_once_more(self, rig, talk, ada, monkeypatch):
        monkeypatch.setattr("storage.sqlite.changing._PAUSE_SECONDS", 0)
        rig.script(wrote("Likes xylophonequartz."))
        answer = await talk(ada, "I like xylophonequartz")
        opened = await ada.click(answer, label=SIGN)
        asked = await ada.click(opened.response, label="Forget")
        assert labels(asked.response) == ["Forget it", "Cancel"]
        done = await ada.click(asked.response, label="Forget it")
        assert "Forgotten" in done.followups[-1].content
        gone = await ada.click(answer, label=SIGN)
        assert "used and wrote nothing" in gone.response.content

    @pytest.mark.behaviour("receipt.not-true", "discord")
    async def test_not_true_withdraws_it(self, rig, talk, ada):
        rig.script(wrote("Lives in Berlin."))
        answer = await talk(ada, "I left Berlin")
        opened = await ada.click(answer, label=SIGN)
        done = await ada.click(opened.response, label="Not true")
        assert "not to learn it again" in done.response.content


class TestMemoryPressure:
    @pytest.fixture
    def memory(self):
        return {"agent": "off", "context_tokens": 8192, "pressure_line": True}

    @pytest.fixture
    async def line(self, rig, talk, ada):
        rig.model._otherwise = call("send_message", message="I see. " * 20)
        for number in range(40):
            last = await talk(ada, f"Fact {number}: the mast is {number} m. " * 6)
            if last.content.startswith("memory"):
                return last
        raise AssertionError("no line came")

    @pytest.mark.behaviour("receipt.pressure", "discord")
    async def test_is_one_quiet_line_that_pings_nobody(self, line):
        assert line.flags.value & SILENT
        assert line.reference is None
        assert line.mentions == []

    @pytest.mark.behaviour("receipt.pin-and-let-go", "discord")
    async def test_anyone_there_may_pin_or_let_go(self, line, bob):
        assert labels(line) == ["Pin", "Let go"]
        done = await bob.click(line, label="Let go")
        assert "summarised when" in done.response.content
        done = await bob.click(line, label="Pin")
        assert "Pinned" in done.response.content
