"""One turn: chaining, failing, yielding, reminding, and everything stored before it counts."""

import json
import re
from dataclasses import replace
from itertools import count

import pytest

from engine import notices
from engine.errors import ContextOverflow
from engine.hooks import MemoryPressure
from engine.testing import call, calls, say
from tests.engine.builders import dm_scope, room_scope

WINDOW = 6144


def results_in(request):
    entries = [json.loads(text) for text in request.messages]
    return [json.loads(item["content"]) for item in entries if item["role"] == "tool"]


class TestAnswering:
    async def test_send_message_is_the_reply_and_yields(self, rig):
        result = await rig.answer("Hello", "Hi Ada.")
        assert (result.state, result.steps, result.replies) == ("done", 1, ("Hi Ada.",))

    async def test_plain_text_is_the_reply(self, rig):
        rig.script(say("Just so."))
        assert (await rig.say()).replies == ("Just so.",)

    async def test_the_event_is_an_envelope_with_name_place_and_time(self, rig):
        await rig.answer("What is up?")
        envelope = json.loads(json.loads(rig.model.requests[0].messages[-1])["content"])
        assert envelope["type"] == "user_message"
        assert (envelope["name"], envelope["message"]) == ("Ada", "What is up?")
        assert envelope["time"] == "2026-11-21 12:00:00 PM UTC+0000"

    async def test_two_messages_of_one_answer_both_arrive(self, rig):
        rig.script(
            calls(("send_message", {"message": "One"}), ("send_message", {"message": "Two"}))
        )
        assert (await rig.say()).replies == ("One", "Two")


class TestEchoes:
    async def test_a_model_that_writes_its_calls_is_asked_again_when_it_repeats_a_message(
        self, rig
    ):
        rig.model.tools_as_text = True
        rig.script(call("send_message", message="i am ada"), call("send_message", message="Hi!"))
        assert (await rig.say("I am Ada.")).replies == ("Hi!",)
        first, second = rig.model.requests
        assert (first.varied, second.varied) == (False, True)
        assert second.messages == first.messages

    async def test_it_is_asked_again_without_the_talk_when_it_repeats_its_last_answer(self, rig):
        rig.model.tools_as_text = True
        await rig.answer("Where is Oslo?", "In Norway.")
        rig.script(
            call("send_message", message="In Norway."), call("send_message", message="Honey.")
        )
        assert (await rig.say("What do bees make?")).replies == ("Honey.",)
        (alone,) = rig.model.requests[-1].messages
        assert "What do bees make?" in alone
        assert rig.model.requests[-1].system == rig.model.requests[-2].system

    async def test_both_calls_are_booked(self, rig):
        def costing(tokens, message):
            reply = call("send_message", message=message)
            return replace(reply, usage=replace(reply.usage, input_tokens=tokens))

        rig.model.tools_as_text = True
        rig.script(costing(70, "Hello"), costing(5, "Hi!"))
        await rig.say("Hello")
        (row,) = await rig.store.usage(30, rig.clock())
        assert row.input_tokens == 75

    async def test_a_second_echo_is_taken(self, rig):
        rig.model.tools_as_text = True
        rig.script(call("send_message", message="Hello"), call("send_message", message="Hello"))
        assert (await rig.say("Hello")).replies == ("Hello",)

    async def test_a_model_with_native_calls_may_say_what_it_wants(self, rig):
        rig.script(call("send_message", message="Hello"))
        assert (await rig.say("Hello")).replies == ("Hello",)


class TestHeartbeats:
    async def test_a_heartbeat_gives_control_back_with_the_result(self, rig):
        rig.script(
            call("core_memory_append", label="human", content="Name: Ada", request_heartbeat=True),
            call("send_message", message="Noted."),
        )
        result = await rig.say("I'm Ada")
        assert (result.steps, result.replies) == (2, ("Noted.",))
        assert results_in(rig.model.requests[1])[-1]["status"] == "OK"
        assert (await rig.block("human")).value == "Name: Ada"

    async def test_without_a_heartbeat_the_turn_yields_once_it_has_spoken(self, rig):
        rig.script(
            calls(
                ("send_message", {"message": "Noted."}),
                ("core_memory_append", {"label": "human", "content": "Name: Ada"}),
            )
        )
        assert (await rig.say()).steps == 1

    async def test_a_failed_call_always_comes_back(self, rig):
        rig.script(
            call("core_memory_replace", label="human", old_content="x", new_content="y"),
            call("send_message", message="Sorry."),
        )
        assert (await rig.say()).replies == ("Sorry.",)
        assert results_in(rig.model.requests[1])[-1]["status"] == "Failed"

    async def test_after_the_first_failure_the_rest_is_not_run(self, rig):
        rig.script(
            calls(
                ("core_memory_append", {"label": "nowhere", "content": "x"}),
                ("send_message", {"message": "Too early"}),
            ),
            call("send_message", message="Now."),
        )
        assert (await rig.say()).replies == ("Now.",)
        assert [item["status"] for item in results_in(rig.model.requests[1])] == ["Failed"] * 2

    async def test_edits_of_one_answer_build_on_each_other(self, rig):
        rig.script(
            calls(
                ("core_memory_append", {"name": "human", "content": "likes tea"}),
                (
                    "core_memory_replace",
                    {"label": "human", "old_content": "tea", "new_content": "coffee"},
                ),
                ("send_message", {"message": "Noted."}),
            )
        )
        await rig.say()
        block = await rig.block("human")
        assert (block.value, block.version) == ("likes coffee", 3)


class TestBounds:
    async def test_the_same_failing_call_ends_the_turn_with_a_sentence(self, rig):
        bad = ("core_memory_append", {"label": "nowhere", "content": "x"})
        rig.script(*[calls(bad) for _ in range(5)])
        result = await rig.say()
        assert (result.steps, result.replies) == (3, (notices.STUCK,))

    async def test_different_failures_are_told_apart_where_a_server_counts_its_ids_anew(self, rig):
        def failing(number):
            wrong = call("core_memory_append", label=f"nowhere {number}", content="x")
            return replace(wrong, tool_calls=(replace(wrong.tool_calls[0], id="call_0"),))

        rig.script(*map(failing, range(4)), call("send_message", message="At last."))
        assert (await rig.say()).replies == ("At last.",)

    async def test_endless_heartbeats_end_after_twelve_steps(self, rig):
        rig.script(
            *[
                call("core_memory_append", label="human", content=str(n), request_heartbeat=True)
                for n in range(20)
            ]
        )
        result = await rig.say()
        assert (result.steps, result.replies) == (12, (notices.STUCK,))

    async def test_a_turn_that_has_spoken_ends_its_limit_quietly(self, rig):
        rig.script(
            call("send_message", message="Here."),
        )
        rig.script(say(""))
        assert (await rig.say()).replies == ("Here.",)


class TestSilence:
    async def test_a_silent_answer_gets_one_reminder(self, rig):
        rig.script(
            call("core_memory_append", label="human", content="x"),
            call("send_message", message="Hi."),
        )
        assert (await rig.say()).replies == ("Hi.",)
        assert "send_message" in rig.model.requests[1].messages[-1]

    async def test_the_reminder_leaves_one_function_to_call(self, rig):
        rig.script(say(""), call("send_message", message="Hi."))
        await rig.say()
        assert [request.only for request in rig.model.requests] == [None, "send_message"]

    async def test_silence_after_the_reminder_says_so_plainly(self, rig):
        rig.script(say(""), say(""))
        result = await rig.say()
        assert (result.steps, result.replies) == (2, (notices.SILENT,))


class TestWhatAServerRefuses:
    """A history with such entries would be refused, with every turn after it."""

    async def test_an_answer_of_nothing_is_kept_as_empty_text(self, rig):
        rig.script(say(""), call("send_message", message="Hi."))
        await rig.say()
        silent = json.loads(rig.model.requests[1].messages[-2])
        assert silent == {"role": "assistant", "content": ""}

    async def test_a_name_that_no_function_may_have_is_kept_as_one_that_it_may(self, rig):
        rig.script(call("send message! " * 20), call("send_message", message="Hi."))
        assert (await rig.say()).replies == ("Hi.",)
        made = json.loads(rig.model.requests[1].messages[-2])["tool_calls"][0]["function"]
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", made["name"])

    async def test_only_as_many_calls_as_a_window_can_show_are_carried_out(self, rig):
        most = rig.config.memory.max_calls
        rig.script(calls(*[("send_message", {"message": str(n)}) for n in range(most + 5)]))
        assert len((await rig.say()).replies) == most


class TestOverflow:
    async def test_a_context_length_error_flushes_and_tries_once_more(self, rig):
        for number in range(6):
            await rig.answer(f"Message {number}")
        rig.script(ContextOverflow(), say("a summary"), call("send_message", message="Fits."))
        assert (await rig.say("And now?")).replies == ("Fits.",)
        assert (await rig.window()).summary.text == "a summary"

    async def test_a_second_context_length_error_is_said_plainly(self, rig):
        rig.script(ContextOverflow(), ContextOverflow(), ContextOverflow())
        result = await rig.say("And now?")
        assert result.state == "failed"
        assert "language model" in result.replies[0]


class TestPressure:
    @pytest.fixture
    def memory(self):
        return {"context_tokens": WINDOW, "agent": "off"}

    async def fill(self, rig, until, limit=60):
        """Talk until something has happened; the model only answers."""
        text = "We spoke about the garden and the harvest at length. " * 6

        def reply(request):
            return say("A summary.") if request.purpose == "summary" else answer(request)

        def answer(request):
            last = json.loads(json.loads(request.messages[-1])["content"])
            if last["type"] == "system_alert":
                return call("core_memory_append", label="human", content="gardens")
            return call("send_message", message="I see.")

        rig.model._otherwise = reply
        for number in range(limit):
            if until():
                return number
            await rig.say(f"{number}: {text}")
        raise AssertionError("it never happened")

    async def test_the_alert_comes_once_and_gets_a_step_of_its_own(self, rig):
        await self.fill(rig, lambda: any(isinstance(it, MemoryPressure) for it in rig.happened))
        assert (await rig.block("human")).value == "gardens"
        await rig.say("more")
        alerts = [it for it in rig.happened if isinstance(it, MemoryPressure)]
        assert len(alerts) == 1

    @pytest.mark.parametrize(
        "answer", [say("I saved it."), call("send_message", message="I saved it.")]
    )
    async def test_what_is_said_to_the_alert_alone_is_not_sent(self, rig, answer):
        replies = []

        def reply(request):
            if request.purpose == "summary":
                return say("A summary.")
            last = json.loads(json.loads(request.messages[-1])["content"])
            if last["type"] == "system_alert":
                return answer
            return call("send_message", message="I see.")

        rig.model._otherwise = reply
        while not any(isinstance(it, MemoryPressure) for it in rig.happened):
            replies += (await rig.say("The garden. " * 60)).replies
        assert set(replies) == {"I see."}

    async def test_what_a_turn_answers_stays_in_sight_however_long_the_turn_gets(self, rig):
        for number in range(6):
            await rig.answer(f"{number}: " + "The garden. " * 150)
        rig.model.requests.clear()
        page = {"query": "garden", "request_heartbeat": True}

        def reply(request):
            if request.purpose == "summary":
                return say("A summary.")
            pages = len([it for it in rig.model.requests if it.purpose == "turn"]) - 1
            return (
                say("Done.") if pages > 5 else call("conversation_search", page=pages % 2, **page)
            )

        rig.model._otherwise = reply
        await rig.say("Where is the spade?")
        asked = [it for it in rig.model.requests if it.purpose == "turn"]
        assert all("Where is the spade?" in "".join(it.messages) for it in asked)
        queue = (await rig.window()).queue
        assert "Where is the spade?" not in "".join(message.text for message in queue)

    async def test_a_queue_that_cannot_get_shorter_is_reported_once(self, rig, caplog):
        rig.model._otherwise = call("send_message", message="I see.")
        huge = '"\\\n🫠' * 30_000
        for _ in range(4):
            await rig.say(huge)
        assert sum("frees nothing" in record.message for record in caplog.records) <= 1
        sizes = [rig.counter.request_tokens(request) for request in rig.model.requests]
        assert max(sizes) <= WINDOW

    async def test_an_alert_gets_a_few_steps_and_no_more(self, rig):
        searches = count(1)

        def reply(request):
            if request.purpose == "summary":
                return say("A summary.")
            if "system_alert" in "".join(request.messages[-3:]):
                return call(
                    "conversation_search", query=str(next(searches)), request_heartbeat=True
                )
            return call("send_message", message="I see.")

        rig.model._otherwise = reply
        while not any(isinstance(it, MemoryPressure) for it in rig.happened):
            result = await rig.say("The garden. " * 60)
        assert (result.steps, result.replies) == (4, ("I see.",))

    async def test_no_request_is_ever_larger_than_the_window(self, rig):
        await self.fill(rig, lambda: len(rig.model.requests) > 60)
        sizes = [rig.counter.request_tokens(request) for request in rig.model.requests]
        assert max(sizes) <= WINDOW

    async def test_what_left_the_window_stands_in_the_summary_and_is_still_found(self, rig):
        await rig.answer("My locker code is 8812.")
        await self.fill(rig, lambda: len(rig.model.requests) > 40)
        rig.model.requests.clear()
        window = await rig.window()
        assert window.summary.text == "A summary."
        assert "8812" not in "".join(message.text for message in window.queue)
        steps = [
            call("conversation_search", query="locker code", request_heartbeat=True),
            call("send_message", message="8812"),
        ]

        def reply(request):  # a summary or an alert may come between
            if request.purpose == "summary":
                return say("A summary.")
            return steps.pop(0) if steps else call("pause_heartbeats", minutes=1)

        rig.model._otherwise = reply
        await rig.say("What is my locker code?")
        found = [item for request in rig.model.requests for item in results_in(request)]
        assert any("8812" in item["message"] for item in found)


class TestLongHits:
    """A message too long to show is shown around what was asked for, and its page fits."""

    @pytest.mark.parametrize("filling", ["plain words ", "🫠🏳️‍🌈", '"\\\n'])
    async def test_show_the_word_and_every_hit(self, rig, filling):
        for number in range(5):
            await rig.answer(f"{filling * 9000} locker{number} {filling * 9000}")
        found = []

        def reply(request):
            if request.purpose == "summary":
                return say("A summary.")
            found.extend(results_in(request)[-1:])
            searched = any("Showing" in item["message"] for item in found)
            more = {"query": "locker3", "request_heartbeat": True}
            return say("Here.") if searched else call("conversation_search", **more)

        rig.model._otherwise = reply
        await rig.say("Which locker?")
        shown = next(item["message"] for item in found if "Showing" in item["message"])
        [first, *others] = json.loads(shown.partition(": ")[2])
        assert "locker3" in first["text"]
        assert "[cut: characters" in first["text"]
        assert len(others) == 4


class TestPrefix:
    async def test_without_an_edit_every_request_begins_with_the_one_before(self, rig):
        for number in range(4):
            await rig.answer(f"Message {number}")
        for earlier, later in zip(rig.model.requests, rig.model.requests[1:], strict=False):
            assert later.system == earlier.system
            assert later.messages[: len(earlier.messages)] == earlier.messages

    async def test_a_new_speaker_of_a_room_does_not_change_it(self, rig):
        await rig.answer("Hi", scope=room_scope("ada"))
        await rig.answer("Hi", scope=room_scope("bob"), name="Bob")
        first, second = rig.model.requests
        assert first.system == second.system


class TestRooms:
    async def test_human_is_the_block_of_whoever_speaks(self, rig):
        rig.script(
            calls(
                ("core_memory_append", {"label": "human", "content": "Plays drums"}),
                ("send_message", {"message": "Noted."}),
            )
        )
        scope = room_scope("bob")
        await rig.say("I play drums", scope=scope, name="Bob")
        block = await rig.block("human:console:local/bob", scope)
        assert (block.value, block.owner_name) == ("Plays drums", "Bob")

    async def test_a_room_never_shows_what_was_said_in_private(self, rig):
        rig.script(
            calls(
                ("core_memory_append", {"label": "human", "content": "SECRET illness"}),
                ("archival_memory_insert", {"content": "SECRET illness"}),
                ("send_message", {"message": "I keep the SECRET."}),
            )
        )
        await rig.say("SECRET illness", scope=dm_scope())
        rig.script(
            calls(
                ("conversation_search", {"query": "SECRET illness", "request_heartbeat": True}),
                ("archival_memory_search", {"query": "SECRET illness", "request_heartbeat": True}),
            ),
            call("send_message", message="Nothing."),
        )
        await rig.say("What about the illness?", scope=room_scope("ada"))
        shown = rig.model.requests[-1]
        assert "SECRET illness" not in shown.system
        answers = [item["message"] for item in results_in(shown)]
        assert all("SECRET illness" not in text for text in answers)


class TestRepetition:
    """A small model that repeats itself neither fills its memory nor goes on for ever."""

    async def test_the_same_line_is_kept_once_and_the_chain_ends(self, rig):
        again = call(
            "core_memory_append", label="human", content="Plays chess.", request_heartbeat=True
        )
        rig.script(again, again, call("send_message", message="Noted."))
        result = await rig.say("I play chess")
        assert (result.replies, result.steps) == (("Noted.",), 3)
        assert (await rig.block("human")).value == "Plays chess."
        reminder = json.loads(json.loads(rig.model.requests[2].messages[-1])["content"])
        assert "send_message" in reminder["message"]


def writing(*texts):
    """A model that is seen writing these, the last of which it sends."""

    def reply(request):
        for text in texts:
            if request.watch:
                request.watch.show(text)
        return call("send_message", message=texts[-1])

    return reply


class TestPreviews:
    async def test_show_the_reply_that_a_person_waits_for(self, rig):
        rig.script(writing("Hel", "Hello"))
        result = await rig.say()
        assert rig.previews == [(result.turn_id, "Hel"), (result.turn_id, "Hello")]
        assert result.replies == ("Hello",)

    async def test_never_a_second_reply(self, rig):
        rig.script(
            calls(
                ("send_message", {"message": "First."}),
                ("conversation_search", {"query": "x", "request_heartbeat": True}),
            ),
            writing("Second."),
        )
        result = await rig.say()
        assert result.replies == ("First.", "Second.")
        assert rig.previews == []

    async def test_never_what_may_be_asked_again(self, rig):
        rig.model.tools_as_text = True
        rig.script(writing("Hel", "Hello"), writing("Hello", "Hello Ada"))
        result = await rig.say("Hello")
        assert result.replies == ("Hello Ada",)
        assert [text for _, text in rig.previews] == ["Hello Ada"]
