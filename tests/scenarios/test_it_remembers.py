"""Promise: it remembers who you are and what was said, across restarts, and says what it lacks."""

from tests.bots.processes import membot


class TestAPerson:
    async def test_is_known_after_a_restart(self, tmp_path):
        await membot(tmp_path, "chat", text="Hi, I'm Ada and I play the cello\n")
        answered = await membot(tmp_path, "chat", text="what do I play?\nwhat is my name?\n")
        instrument, name = answered.out.strip().split("\n")[:2]
        assert "cello" in instrument
        assert "Ada" in name

    async def test_is_told_when_nothing_is_known(self, tmp_path):
        answered = await membot(tmp_path, "chat", text="Hi, I'm Ada\nWhat is my brother's name?\n")
        assert "found nothing" in answered.out

    async def test_gets_back_what_was_to_be_remembered(self, tmp_path):
        await membot(tmp_path, "chat", text="Remember that the spare key is under the blue pot\n")
        answered = await membot(tmp_path, "chat", text="Where is the spare key?\n")
        assert "under the blue pot" in answered.out


class TestARoom:
    async def test_quotes_who_said_what_and_when(self, tmp_path):
        said = "Ada: The workshop opens at nine on Tuesday.\nBob: I bring the drills.\n"
        room = ("chat", "--channel", "workshop")
        await membot(tmp_path, *room, text=said)
        answered = await membot(tmp_path, *room, text="Cem: Who brings the drills?\n")
        assert "Bob" in answered.out
        assert "I bring the drills." in answered.out


class TestADemonstration:
    async def test_says_what_it_is_on_start_in_its_first_reply_and_in_status(self, tmp_path):
        first = await membot(tmp_path, "chat", text="Hello\n/status\n")
        assert "demo" in first.err
        assert "demonstration without a language model" in first.out
        assert "demonstration" in first.out.split("\n", 3)[-1]
