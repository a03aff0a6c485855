"""What was said longer ago than it may be kept is gone, with what was made of it."""

from datetime import timedelta

import pytest

from bots.backups import backup_file
from bots.housekeeping import Retention, tidy
from engine.events import CLOCK
from engine.imports import PastMessage, Portion
from engine.records import RecallSearch, Summary
from engine.testing import call, calls
from tests.engine.builders import dm_scope, room_scope

WORD = "Zanzibarwhistle"
OTHER = "Marmaladeharbour"


@pytest.fixture
def house(rig, tmp_path):
    """Does what housekeeping does each day."""

    async def tidied(recall_days=400, backups_days=30):
        kept = Retention(
            recall_days=lambda tenant: recall_days,
            backups_days=backups_days,
            backups=tmp_path / "backups",
        )
        removed = await tidy(rig.store, kept, rig.clock())
        await rig.store.finish_cleaning()
        return removed

    return tidied


def raw(folder):
    return b"".join(path.read_bytes() for path in folder.glob("membot.db*"))


async def noted(rig, word, scope=None):
    """Somebody says a word, and the agent keeps it in every tier."""
    where = scope or dm_scope()
    label = "room" if where.audience == "room" else "human"
    rig.script(
        calls(
            ("core_memory_append", {"label": label, "content": f"Likes {word}."}),
            ("archival_memory_insert", {"content": f"Noted: {word}."}),
        ),
        call("send_message", message=f"I know {word} now."),
    )
    await rig.say(f"My word is {word}", scope=where, sent_at=rig.clock())


class TestWhatIsTooOld:
    async def test_is_gone_from_every_tier_and_from_the_file(self, rig, house, tmp_path):
        await noted(rig, WORD)
        seq = (await rig.window()).queue[-1].seq
        summary = Summary(text=WORD, through_seq=seq, tokens=1, created_at=rig.clock())
        await rig.store.save_prepared_summary(dm_scope(), summary, [])
        rig.clock.advance(timedelta(days=300))
        await noted(rig, OTHER)
        rig.clock.advance(timedelta(days=101))
        assert (await house())["messages"] > 5
        assert WORD.lower().encode() not in raw(tmp_path).lower()
        found = await rig.store.search_recall(dm_scope(), RecallSearch(query=OTHER))
        assert found.total
        assert (await rig.block("human")).value == f"Likes {OTHER}."

    async def test_leaves_a_queue_that_a_model_can_read(self, rig, house):
        await noted(rig, WORD)
        rig.clock.advance(timedelta(days=401))
        await house()
        await rig.answer("Hello again", "Hello.")
        sent = rig.model.requests[-1]
        assert WORD not in sent.system + "".join(sent.messages)

    async def test_goes_with_the_whole_of_its_turn(self, rig, house):
        asked = rig.clock() - timedelta(hours=1)
        rig.script(
            calls(("archival_memory_search", {"query": WORD})), call("send_message", message="No.")
        )
        await rig.say(f"Do you know {WORD}?", sent_at=asked)
        rig.clock.advance(timedelta(days=400, minutes=-30))
        assert (await house())["messages"] > 1
        assert (await rig.window()).queue == ()

    async def test_leaves_a_reminder_that_is_still_to_come(self, rig, house):
        when = (rig.clock() + timedelta(days=500)).strftime(CLOCK)
        rig.script(
            call("schedule_message", when=when, reason="the anniversary"),
            call("send_message", message="I will."),
        )
        await rig.say("Remind me of the anniversary", sent_at=rig.clock())
        rig.clock.advance(timedelta(days=401))
        await house()
        assert len(await rig.store.schedules(dm_scope())) == 1

    async def test_stays_when_retention_is_for_ever(self, rig, house):
        await noted(rig, WORD)
        rig.clock.advance(timedelta(days=4000))
        assert (await house(recall_days=0))["messages"] == 0
        assert WORD in (await rig.block("human")).value

    async def test_is_erased_in_every_room_and_the_counts_are_right(self, rig, house):
        await noted(rig, WORD, room_scope())
        rig.clock.advance(timedelta(days=401))
        await house()
        counts = await rig.store.counts(room_scope())
        assert (counts.messages, counts.passages) == (0, 0)

    async def test_is_erased_when_there_is_more_than_one_portion_of_it(self, rig, house):
        for number in range(70):
            await rig.answer(f"message {number}")
        rig.clock.advance(timedelta(days=401))
        assert (await house())["messages"] > 200
        assert (await rig.store.counts(dm_scope())).messages == 0


class TestWhatWasImported:
    async def test_is_kept_from_the_day_of_its_import(self, rig, house):
        long_ago = rig.clock() - timedelta(days=2000)
        said = PastMessage(
            role="user",
            author="console:local/ada",
            author_name="Ada",
            text=WORD,
            sent_at=long_ago,
            source_key="old:1",
        )
        portion = Portion(agent_id=dm_scope().agent_id, messages=(said,), place_name="lounge")
        await rig.store.add_past(dm_scope(), portion, dry_run=False, at=rig.clock())
        await house()
        assert (await rig.store.counts(dm_scope())).messages == 1
        rig.clock.advance(timedelta(days=401))
        await house()
        assert (await rig.store.counts(dm_scope())).messages == 0


class TestBackups:
    async def test_of_long_ago_go_and_other_files_stay(self, rig, house, tmp_path):
        old = backup_file(tmp_path / "backups", rig.clock())
        await rig.store.backup(old)
        kept = [old.with_name("membot-mine.db"), old.with_name("notes.txt")]
        for file in kept:
            file.write_text("mine")
        rig.clock.advance(timedelta(days=31))
        new = backup_file(tmp_path / "backups", rig.clock())
        await rig.store.backup(new)
        assert (await house())["backups"] == 1
        assert sorted(old.parent.iterdir()) == sorted([new, *kept])
