"""Promise: what is forgotten is gone from the files, and only that."""

from tests.bots.processes import membot

WORD = "Zanzibarwhistle"


def raw(folder):
    return b"".join(path.read_bytes() for path in folder.glob("membot.db*"))


class TestForgettingAPerson:
    async def test_leaves_nothing_in_the_files(self, tmp_path):
        await membot(tmp_path, "chat", "--user", "ada", text=f"Remember that I like {WORD}\n")
        room = ("chat", "--channel", "lounge")
        await membot(tmp_path, *room, text=f"Ada: {WORD} is my word\nBob: I like plain words\n")
        assert WORD.encode() in raw(tmp_path)
        done = await membot(tmp_path, "forget", "console:local/ada", "--yes")
        assert (done.code, done.err) == (0, "")
        assert WORD.lower().encode() not in raw(tmp_path).lower()

    async def test_leaves_others_alone(self, tmp_path):
        room = ("chat", "--channel", "lounge")
        await membot(tmp_path, *room, text=f"Ada: {WORD}\nBob: I bring the drills\n")
        await membot(tmp_path, "forget", "console:local/ada", "--yes")
        answered = await membot(tmp_path, *room, text="Cem: Who brings the drills?\n")
        assert "I bring the drills" in answered.out

    async def test_asks_before_and_changes_nothing_without_a_yes(self, tmp_path):
        await membot(tmp_path, "chat", "--user", "ada", text=f"Remember {WORD}\n")
        refused = await membot(tmp_path, "forget", "console:local/ada")
        assert refused.code == 2
        assert WORD.encode() in raw(tmp_path)


class TestResettingAnAgent:
    async def test_wipes_its_memory_and_it_starts_afresh(self, tmp_path):
        await membot(tmp_path, "chat", "--user", "ada", text=f"Remember {WORD}\n")
        done = await membot(tmp_path, "reset", "console:local/user/ada", "--yes")
        assert done.code == 0
        asked = await membot(tmp_path, "chat", "--user", "ada", text=f"What about {WORD}?\n")
        assert "found nothing" in asked.out
