"""The turn part of the Store port, on every store there is."""

import asyncio

import pytest

from engine.errors import StaleBlock, StaleTurn
from engine.records import ArchivalSearch, RecallSearch, TokenUsage
from tests.storage.builders import (
    NOON,
    begin,
    block,
    direct,
    event,
    later,
    message,
    passage,
    request,
    room,
    step,
    talk,
    write,
)

HERE = {"scope": room(), "place": room().conversation_id}


class TestAccepting:
    """An event is stored once, with everything that belongs to it."""

    async def test_an_event_becomes_a_message_and_a_queued_turn(self, store):
        accepted = await store.accept(request("Hello"))
        assert (accepted.outcome, accepted.first_contact) == ("queued", True)
        window = await store.load_window(direct())
        assert [entry.text for entry in window.queue] == ["Hello"]
        assert await store.agents_with_turns() == [direct().agent_id]

    async def test_a_known_agent_is_no_first_contact(self, store):
        await talk(store)
        assert (await store.accept(request("Again"))).first_contact is False

    async def test_the_same_event_id_is_a_duplicate(self, store):
        await store.accept(request(key="1"))
        again = request(key="2", event_id="event:1")
        assert (await store.accept(again)).outcome == "duplicate"
        assert (await store.counts(direct())).messages == 1

    async def test_twins_with_one_source_key_are_one_message(self, store):
        await store.accept(request(key="1"))
        twin = request(key="2", source_key=event(key="1").source_key)
        assert (await store.accept(twin)).outcome == "duplicate"

    async def test_of_many_repeats_at_once_one_is_taken(self, store):
        repeats = [request(key="1") for _ in range(20)]
        outcomes = await asyncio.gather(*map(store.accept, repeats))
        assert sorted(one.outcome for one in outcomes) == ["duplicate"] * 19 + ["queued"]

    async def test_a_full_queue_keeps_the_message_and_says_so(self, store):
        outcomes = [
            (await store.accept(request(f"m{number}", max_queued=2))).outcome for number in range(3)
        ]
        assert outcomes == ["queued", "queued", "busy"]
        assert (await store.counts(direct())).messages == 3
        (notice,) = await store.outbox_due("slack", NOON, 10)
        assert (notice.text, notice.kind) == ("I am busy.", "notice")

    async def test_another_agent_is_not_busy(self, store):
        await store.accept(request(max_queued=1))
        other = await store.accept(request(scope=direct("U2"), max_queued=1))
        assert other.outcome == "queued"

    async def test_ended_turns_make_room(self, store):
        await talk(store)
        assert (await store.accept(request(max_queued=1))).outcome == "queued"

    async def test_starting_blocks_are_kept_once_they_exist(self, store):
        turn = await begin(store)
        human = await block(store, direct(), "human")
        await store.commit_step(step(turn, blocks=(write(human, "Likes tea"),)))
        await store.accept(request("Again"))
        assert (await block(store, direct(), "human")).value == "Likes tea"

    async def test_a_cancelled_wait_does_not_stop_the_write(self, store):
        waiting = asyncio.ensure_future(store.accept(request("Hello")))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await store.agents_with_turns() == [direct().agent_id]


class TestOrder:
    """An agent's turns run one after the other, as they came."""

    async def test_the_lowest_unfinished_turn_is_next(self, store):
        first = await store.accept(request("first"))
        await store.accept(request("second"))
        turn = await store.next_turn(direct().agent_id)
        assert (turn.id, turn.state, turn.attempt) == (first.turn_id, "running", 1)

    async def test_a_turn_that_is_not_ended_comes_again_with_its_attempt_counted(self, store):
        turn = await begin(store)
        again = await store.next_turn(direct().agent_id)
        assert (again.id, again.attempt) == (turn.id, 2)

    async def test_nothing_waits_after_the_last_turn(self, store):
        await talk(store)
        assert await store.next_turn(direct().agent_id) is None
        assert await store.agents_with_turns() == []

    async def test_the_agent_that_waits_longest_is_named_first(self, store):
        await store.accept(request(scope=direct("U2")))
        await store.accept(request(scope=direct("U1")))
        await store.accept(request(scope=direct("U2")))
        assert await store.agents_with_turns() == [direct("U2").agent_id, direct("U1").agent_id]

    async def test_a_waiting_message_is_not_in_the_window_of_the_turn_before(self, store):
        turn = await begin(store, "first")
        await store.accept(request("second"))
        assert [it.text for it in (await store.load_window(direct())).queue] == ["first"]
        await store.commit_step(step(turn, says=["answer"]))
        await store.next_turn(direct().agent_id)
        queue = (await store.load_window(direct())).queue
        assert [it.text for it in queue] == ["first", "answer", "second"]
        assert sorted(it.seq for it in queue) == [it.seq for it in queue]

    async def test_a_moved_message_is_still_found(self, store):
        turn = await begin(store, "first")
        second = await store.accept(request("Where is the zebra?"))
        await store.commit_step(step(turn, says=["answer"]))
        moved = await store.next_turn(direct().agent_id)
        await store.commit_step(step(moved))
        page = await store.search_recall(direct(), RecallSearch(query="zebra"))
        assert page.hits[0].text == "Where is the zebra?"
        assert moved.id == second.turn_id

    async def test_a_message_that_waited_over_a_fresh_start_is_answered(self, store):
        await begin(store, "first")
        await store.accept(request("second"))
        await store.start_conversation(direct(), NOON)
        await store.cancel_turns(direct(), "", NOON)
        await store.accept(request("third"))
        await store.next_turn(direct().agent_id)
        assert [it.text for it in (await store.load_window(direct())).queue] == ["third"]


class TestJoining:
    """A running turn takes in what belongs to it, and nothing else."""

    async def test_the_same_person_goes_on_in_the_same_place(self, store):
        turn = await begin(store, "first", **HERE)
        below = '{"channel": "C1", "message": "2"}'
        second = await store.accept(request("second", address=below, **HERE))
        joined = await store.join_turn(turn)
        assert [one.id for one in joined.joined] == [second.turn_id]
        assert joined.address == below  # the answer stands under what was said last
        assert await store.open_turns(turn.scope) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"scope": room("U2")},
            {"scope": room(channel="C2")},
            {"scope": room(thread="5")},
            {"place": "elsewhere"},
            {"kind": "overheard"},
        ],
    )
    async def test_what_differs_waits_for_its_own(self, store, other):
        turn = await begin(store, "first", **HERE)
        await store.accept(request("second", **(HERE | other)))
        assert (await store.join_turn(turn)).joined == ()

    @pytest.mark.parametrize("ended", ["spoke", "cancelled", "another serves it"])
    async def test_nothing_joins_once_something_was_done(self, store, ended):
        turn = await begin(store, "first", **HERE)
        await store.accept(request("second", **HERE))
        if ended == "spoke":
            await store.commit_step(step(turn, replies=["Hi."], state="running"))
        elif ended == "cancelled":
            await store.cancel_turns(turn.scope, "", NOON)
        else:
            await store.next_turn(turn.scope.agent_id)
        with pytest.raises(StaleTurn):
            await store.join_turn(turn)


class TestStopping:
    async def test_ends_the_turns_of_one_conversation_and_of_no_other(self, store):
        turn = await begin(store, "first", **HERE)
        for other in (room(thread="5"), room(channel="C2"), room(team="T2")):
            assert await store.cancel_turns(other, "", NOON) == []
        assert [one.id for one in await store.cancel_turns(turn.scope, "", NOON)] == [turn.id]


class TestSteps:
    """A step is stored with all its effects, or not at all."""

    async def test_everything_of_a_step_is_there_afterwards(self, store):
        turn = await begin(store)
        human = await block(store, direct(), "human")
        await store.commit_step(
            step(
                turn,
                says=["Noted."],
                replies=["Noted."],
                blocks=(write(human, "Likes tea"),),
                passages=(passage(),),
                warned=True,
            )
        )
        window = await store.load_window(direct())
        assert [it.text for it in window.queue] == ["Hello", "Noted."]
        assert (window.counts.messages, window.counts.passages) == (2, 1)
        assert window.warned
        assert (await block(store, direct(), "human")).value == "Likes tea"
        assert [it.text for it in await store.outbox_due("slack", NOON, 5)] == ["Noted."]
        (used,) = await store.usage(1, later())
        assert (used.input_tokens, used.calls) == (10, 1)

    async def test_the_turn_has_its_own_messages(self, store):
        turn = await begin(store)
        await store.commit_step(step(turn, says=["one", "two"], state="running"))
        assert [it.text for it in await store.turn_messages(turn)] == ["Hello", "one", "two"]

    async def test_a_resumed_turn_knows_its_steps(self, store):
        turn = await begin(store)
        await store.commit_step(step(turn, says=["one"], state="running"))
        assert (await store.next_turn(direct().agent_id)).steps == 1

    async def test_a_step_of_an_ended_turn_is_refused(self, store):
        turn = await talk(store)
        with pytest.raises(StaleTurn):
            await store.commit_step(step(turn, 2, says=["late"]))

    async def test_a_step_is_not_stored_twice(self, store):
        turn = await begin(store)
        await store.commit_step(step(turn, 1, says=["one"], state="running"))
        with pytest.raises(StaleTurn):
            await store.commit_step(step(turn, 1, says=["one"], state="running"))

    async def test_a_failure_ends_the_turn_whatever_its_step(self, store):
        turn = await begin(store)
        await store.commit_step(step(turn, 1, state="running"))
        await store.commit_step(step(turn, 1, state="failed", error_id="ab"))
        assert await store.next_turn(direct().agent_id) is None

    async def test_a_question_of_a_channel_ends_where_it_is_answered(self, store):
        thread = room(thread="thread/1.5")
        await store.accept(request("plan", scope=room(), place=thread.conversation_id))
        turn = await store.next_turn(room().agent_id)
        assert await store.cancel_turns(room(thread="thread/1.6"), "", NOON) == []
        assert [one.id for one in await store.cancel_turns(thread, "", NOON)] == [turn.id]

    async def test_a_cancelled_turn_stores_nothing_more(self, store):
        turn = await begin(store)
        await store.accept(request("waiting"))
        assert len(await store.cancel_turns(turn.scope, "", NOON)) == 2
        with pytest.raises(StaleTurn):
            await store.commit_step(step(turn, says=["late"], replies=["late"]))
        assert await store.outbox_due("slack", NOON, 5) == []
        assert (await store.counts(direct())).messages == 2

    async def test_whoever_served_the_turn_before_is_fenced_out(self, store):
        earlier = await begin(store)
        await store.next_turn(direct().agent_id)
        with pytest.raises(StaleTurn):
            await store.commit_step(step(earlier, says=["late"]))

    async def test_a_block_that_changed_meanwhile_rolls_the_step_back(self, store):
        turn = await begin(store)
        human = await block(store, direct(), "human")
        await store.write_blocks(direct(), [write(human, "By hand")], NOON)
        with pytest.raises(StaleBlock):
            await store.commit_step(
                step(turn, says=["Noted."], blocks=(write(human, "By the model"),))
            )
        assert (await block(store, direct(), "human")).value == "By hand"
        assert (await store.counts(direct())).messages == 1
        await store.commit_step(step(turn, says=["Again."]))

    async def test_a_new_block_is_version_one(self, store):
        turn = await begin(store)
        with pytest.raises(StaleBlock):
            await store.commit_step(
                step(turn, blocks=(write(await block(store, direct(), "persona"), "x"),) * 2)
            )
        history = await store.block_history(direct().agent_id, "persona")
        assert [(past.version, past.operation) for past in history] == [(1, "created")]

    async def test_a_failing_step_beside_others_takes_only_itself_back(self, store):
        good = [await begin(store, scope=direct(f"U{number}")) for number in range(5)]
        bad = await talk(store, scope=direct("U9"))
        steps = [step(turn, says=["fine"]) for turn in good] + [step(bad, 5, says=["no"])]
        results = await asyncio.gather(*map(store.commit_step, steps), return_exceptions=True)
        assert results[:-1] == [None] * 5
        assert isinstance(results[-1], StaleTurn)
        assert [(await store.counts(turn.scope)).messages for turn in good] == [2] * 5

    async def test_usage_names_model_and_purpose(self, store):
        turn = await begin(store)
        calls = (TokenUsage(model="a", output_tokens=3), TokenUsage(model="b", purpose="memory"))
        await store.commit_step(step(turn, usage=calls))
        found = [(row.model, row.purpose) for row in await store.usage(1, later())]
        assert found == [("a", "turn"), ("b", "memory")]

    async def test_tool_results_are_kept_but_not_searched(self, store):
        turn = await begin(store)
        hidden = message("zebra", scope=turn.scope, turn_id=turn.id, role="tool", searchable=False)
        await store.commit_step(step(turn, messages=(hidden,)))
        assert (await store.search_recall(direct(), RecallSearch(query="zebra"))).total == 0
        assert (await store.counts(direct())).messages == 2


class TestScopes:
    """A turn sees its own agent's memory and no other."""

    async def test_two_rooms_share_nothing(self, store):
        await talk(store, "The zebra is in room one", scope=room(channel="C1"))
        await talk(store, "Nothing here", scope=room(channel="C2"))
        window = await store.load_window(room(channel="C2"))
        assert "zebra" not in repr(window)
        found = await store.search_recall(room(channel="C2"), RecallSearch(query="zebra"))
        assert found.total == 0

    async def test_a_forged_tenant_reads_nothing(self, store):
        await talk(store, "The zebra", scope=room(), passages=(passage("A zebra"),))
        forged = room(team="T2")
        forged = type(forged)(
            tenant="slack:T2",
            agent_id=room().agent_id,
            conversation_id=room().conversation_id,
            speaker=None,
            audience="room",
        )
        window = await store.load_window(forged)
        assert (window.queue, window.blocks) == ((), ())
        assert (await store.search_recall(forged, RecallSearch(query="zebra"))).total == 0
        assert (await store.search_archival(forged, ArchivalSearch(query="zebra"))).total == 0
        assert (await store.list_recall(forged, RecallSearch(query=""))).hits == ()
