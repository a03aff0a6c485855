"""The outbox part of the Store port, on every store there is."""

from dataclasses import replace

import pytest

from engine.answer_files import AnswerFile
from engine.choices import Choice
from engine.errors import StaleTurn
from engine.records import Reply
from tests.storage.builders import NOON, begin, direct, later, message, room, step, talk


async def reply(store, *texts, scope=None, place=None):
    """A turn that leaves these replies in the outbox."""
    scope = scope or direct()
    turn = await begin(store, scope=scope, place=place or scope.conversation_id)
    await store.commit_step(step(turn, replies=texts))
    return turn


async def due(store, at=NOON, platform="slack"):
    return [item.text for item in await store.outbox_due(platform, at, 50)]


async def first(store, at=NOON):
    return (await store.outbox_due("slack", at, 1))[0]


class TestOrder:
    """Within a place replies go strictly in order; places go side by side."""

    async def test_only_the_first_of_a_place_is_due(self, store):
        await reply(store, "one", "two")
        await reply(store, "other", scope=direct("U2"))
        assert await due(store) == ["one", "other"]

    async def test_the_next_follows_when_the_first_is_sent(self, store):
        await reply(store, "one", "two")
        item = await first(store)
        await store.mark_sending(item.id, NOON)
        assert await due(store) == ["one"]
        await store.mark_sent(item.id, "ref", NOON)
        assert await due(store) == ["two"]

    async def test_a_postponed_first_holds_the_place_up(self, store):
        await reply(store, "one", "two")
        await store.postpone((await first(store)).id, later(5), "busy")
        assert await due(store) == []
        assert await due(store, later(5)) == ["one"]

    async def test_one_that_was_given_up_lets_the_next_go(self, store):
        await reply(store, "one", "two")
        await store.give_up((await first(store)).id, "no such channel", NOON)
        assert await due(store) == ["two"]
        assert any("no such channel" in problem for problem in await store.check())

    async def test_platforms_are_apart_and_the_limit_holds(self, store):
        await reply(store, "one")
        await reply(store, "two", scope=room())
        assert await due(store, platform="discord") == []
        assert len(await store.outbox_due("slack", NOON, 1)) == 1


class TestChoices:
    async def test_travel_with_their_reply(self, store):
        choice = Choice(label="Allow", command="approve", arguments={"id": "ab"}, danger=True)
        turn = await begin(store)
        replies = (Reply(text="May I?", choices=(choice,)), Reply(text="Well?"))
        await store.commit_step(replace(step(turn), replies=replies))
        item = await first(store)
        assert item.choices == (choice,)
        await store.mark_sent(item.id, "ref", NOON)
        assert (await first(store)).choices == ()


FILE = AnswerFile(name="plan.md", content=b"Tea at four.")


class TestFiles:
    async def test_travel_with_their_reply(self, opener):
        store = await opener()
        await reply(store, Reply(text="The plan.", file=FILE), "More.")
        await store.close()
        store = await opener()
        item = await first(store)
        assert item.file == FILE
        await store.mark_sent(item.id, "ref", NOON)
        assert (await first(store)).file is None
        await store.close()

    async def test_take_the_place_of_a_preview(self, store):
        turn = await begin(store)
        shown = await store.open_preview(turn, NOON)
        await store.commit_step(step(turn, replies=[Reply(text="The plan.", file=FILE)]))
        item = await first(store)
        assert (item.id, item.file) == (shown.id, FILE)

    @pytest.mark.parametrize(
        "end", ["sent", "given up", "forgotten", "deleted", "expired", "reset"]
    )
    async def test_leave_nothing_in_the_database_when_they_are_gone(self, opener, tmp_path, end):
        store = await opener()
        await talk(store, scope=direct("U2"))
        turn = await reply(store, Reply(text="The plan.", file=FILE), place="P")
        item, scope = await first(store), turn.scope
        asked = await store.find_message(scope.tenant, turn.source_key)
        notice = message("gone", scope=scope)
        ends = {
            "sent": lambda: store.mark_sent(item.id, "ref", NOON),
            "given up": lambda: store.give_up(item.id, "gone", NOON),
            "forgotten": lambda: store.forget("slack:T1/U1", actor="op", at=NOON),
            "deleted": lambda: store.delete_messages([(asked, notice)], NOON),
            "expired": lambda: store.expire(scope.tenant, later(), later()),
            "reset": lambda: store.reset(
                scope.agent_id, conversation_only=False, actor="op", at=NOON
            ),
        }
        assert any(FILE.content in found for found in contents(tmp_path))
        await ends[end]()
        await store.close()
        assert not any(FILE.content in found for found in contents(tmp_path))

    async def test_are_pruned_with_their_reply(self, store):
        await reply(store, Reply(text="The plan.", file=FILE))
        await store.give_up((await first(store)).id, "gone", NOON)
        assert await store.prune(later()) > 0


def contents(folder):
    return [file.read_bytes() for file in folder.glob("membot.db*")]


class TestRetries:
    """What is under way can be repeated, and is recognised as a repeat."""

    async def test_an_interrupted_send_comes_again_with_its_nonce(self, opener):
        store = await opener()
        await reply(store, "one")
        before = await first(store)
        await store.mark_sending(before.id, NOON)
        await store.close()
        store = await opener()
        after = await first(store)
        assert (after.state, after.nonce, after.id) == ("sending", before.nonce, before.id)
        await store.close()

    async def test_nonces_are_short_and_differ(self, store):
        for number in range(30):
            await reply(store, "x", scope=direct(f"U{number}"))
        nonces = {item.nonce for item in await store.outbox_due("slack", NOON, 50)}
        assert len(nonces) == 30
        assert max(map(len, nonces)) <= 25

    async def test_parts_that_arrived_are_remembered(self, store):
        await reply(store, "long")
        item = await first(store)
        await store.mark_sending(item.id, NOON)
        await store.mark_part_sent(item.id, "a")
        await store.mark_part_sent(item.id, "b")
        assert (await first(store)).part_refs == ("a", "b")

    async def test_postponing_counts_attempts(self, store):
        await reply(store, "one")
        for number in range(3):
            await store.postpone((await first(store, later(99))).id, later(number), "busy")
        item = await first(store, later(99))
        assert (item.attempts, item.state) == (3, "pending")

    async def test_the_next_time_is_the_earliest_that_waits(self, store):
        assert await store.next_outbox_time("slack", NOON) is None
        await reply(store, "one")
        await reply(store, "two", scope=direct("U2"))
        for item in await store.outbox_due("slack", NOON, 5):
            await store.postpone(item.id, later(3 if item.text == "one" else 2), "busy")
        assert await store.next_outbox_time("slack", NOON) == later(2)

    @pytest.mark.parametrize("act", ["sending", "part", "sent", "postpone", "give up"])
    async def test_a_reply_that_is_no_longer_open_is_left_alone(self, store, act):
        acts = {
            "sending": lambda: store.mark_sending("gone", NOON),
            "part": lambda: store.mark_part_sent("gone", "ref"),
            "sent": lambda: store.mark_sent("gone", "ref", NOON),
            "postpone": lambda: store.postpone("gone", NOON, "busy"),
            "give up": lambda: store.give_up("gone", "never", NOON),
        }
        with pytest.raises(StaleTurn):
            await acts[act]()

    async def test_sent_survives_closing_though_nobody_waited_for_the_disk(self, opener):
        store = await opener()
        await reply(store, "one")
        item = await first(store)
        await store.mark_sending(item.id, NOON)
        await store.mark_sent(item.id, "ref", NOON)
        await store.close()
        store = await opener()
        assert await due(store) == []
        await store.close()
