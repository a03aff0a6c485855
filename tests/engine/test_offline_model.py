"""The demonstration brain, driven as the engine drives any model: through requests and results."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chat_model import ModelRequest, ToolSpec
from engine.core_memory import append_line, render, replace_text
from engine.errors import ModelMistake
from engine.events import (
    alert_payload,
    assistant_payload,
    clock,
    result_payload,
    summary_payload,
    user_payload,
)
from engine.offline.answering import DEMONSTRATION
from engine.offline.listening import listen
from engine.offline.words import stems
from engine.offline_model import OfflineChatModel
from engine.records import Block, IncomingEvent, Scope

UTC_ZONE = ZoneInfo("UTC")
TOOLS = tuple(
    ToolSpec(name=name, description="", parameters={"type": "object", "properties": {}})
    for name in (
        "send_message",
        "pause_heartbeats",
        "core_memory_append",
        "core_memory_replace",
        "conversation_search",
        "archival_memory_insert",
        "archival_memory_search",
    )
)


class Chat:
    """The least engine: blocks, a transcript with a naive search, and the step loop."""

    def __init__(self, *, room: bool = False, limit_chars: int = 2000):
        self.room = room
        self.limit_chars = limit_chars
        self.blocks: dict[str, Block] = {"persona": Block(label="persona", value="I am membot.")}
        self.said: list[tuple[datetime, str, str]] = []
        self.passages: list[tuple[datetime, str, str]] = []
        self.queue: list[str] = []
        self.calls: list[tuple[str, dict[str, object], bool]] = []
        self.at = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
        self.model = OfflineChatModel()

    def human(self, name: str) -> Block:
        label = f"human:console:local/{name.lower()}" if self.room else "human"
        block = Block(
            label=label,
            owner=label if self.room else None,
            owner_name=name if self.room else "",
            limit_chars=self.limit_chars,
        )
        return self.blocks.setdefault(label, block)

    def request(self) -> ModelRequest:
        return ModelRequest(
            purpose="turn",
            system=f"Rules.\n\n# Core memory\n{render(self.blocks.values())}\n\nCounts.",
            messages=tuple(self.queue),
            tools=TOOLS,
            max_output_tokens=500,
        )

    def hear(self, text: str, name: str = "Ada", kind: str = "user_message"):
        self.at += timedelta(minutes=1)
        self.human(name)
        scope = Scope(
            tenant="t", agent_id="a", conversation_id="a/m", speaker=None, audience="private"
        )
        event = IncomingEvent(
            event_id="e",
            source_key="s",
            kind=kind,
            scope=scope,
            place="p",
            place_name="here",
            address="{}",
            speaker_name=name,
            text=text,
            sent_at=self.at,
        )
        self.said.append((self.at, name, text))
        self.queue.append(user_payload(event, text, UTC_ZONE))

    def tell(self, text: str, name: str = "Ada") -> str:
        """One whole turn; what the person reads."""
        self.hear(text, name)
        return self.run(name)

    def run(self, name: str = "Ada") -> str:
        replies: list[str] = []
        for _ in range(12):
            reply = asyncio.run(self.model.complete(self.request()))
            assert reply.tool_calls, "an answer without a call"
            self.queue.append(assistant_payload(reply.content, reply.tool_calls))
            beats = []
            for call in reply.tool_calls:
                arguments = json.loads(call.arguments)
                beats.append(arguments.pop("request_heartbeat", False))
                ok, message = True, ""
                try:
                    message = self.do(call.name, arguments, name, replies)
                except ModelMistake as mistake:
                    ok, message, beats[-1] = False, mistake.sentence, True
                self.calls.append((call.name, arguments, ok))
                self.queue.append(result_payload(call.id, message, self.at, UTC_ZONE, ok=ok))
            if not any(beats):
                break
        else:
            pytest.fail("the turn does not end")
        return "\n".join(replies)

    def do(self, tool: str, arguments: dict[str, str], name: str, replies: list[str]) -> str:
        match tool:
            case "send_message":
                replies.append(arguments["message"])
            case "core_memory_append":
                block = append_line(self.human(name), arguments["content"])
                self.blocks[block.label] = block
            case "core_memory_replace":
                old, new = arguments["old_content"], arguments["new_content"]
                block = replace_text(self.human(name), old, new)
                self.blocks[block.label] = block
            case "archival_memory_insert":
                self.passages.append((self.at, name, arguments["content"]))
            case "conversation_search":
                return self.search(self.said, arguments)
            case "archival_memory_search":
                return self.search(self.passages, arguments)
        return "Done."

    def search(self, rows: list[tuple[datetime, str, str]], arguments: dict[str, object]) -> str:
        wanted = stems(str(arguments["query"]))
        ranked = sorted(rows, key=lambda row: -len(wanted & stems(f"{row[1]} {row[2]}")))
        page = int(str(arguments["page"]))
        shown = ranked[5 * page : 5 * page + 5]
        if not shown:
            return "No results found."
        hits = [
            {"time": clock(at, UTC_ZONE), "who": who, "where": "here", "text": text, "id": "m"}
            for at, who, text in shown
        ]
        last = (len(ranked) - 1) // 5
        head = f"Showing {len(hits)} of {len(ranked)} results (page {page}/{last}):"
        return f"{head} {json.dumps(hits, ensure_ascii=False)}"

    def used(self) -> list[str]:
        return [name for name, *_ in self.calls]


class TestFirstMeeting:
    def test_keeps_a_name_and_a_fact_and_says_what_it_is(self):
        chat = Chat()
        reply = chat.tell("Hi, I'm Ada and I play the cello.")
        assert "Name: Ada." in chat.blocks["human"].value
        assert '"I play the cello" (21 November 2026)' in chat.blocks["human"].value
        assert "Ada" in reply
        assert DEMONSTRATION in reply

    def test_says_so_only_in_the_first_reply(self):
        chat = Chat()
        chat.tell("Hello!")
        assert DEMONSTRATION not in chat.tell("Hello again!")

    def test_a_conversation_that_was_summarised_is_not_new(self):
        chat = Chat()
        chat.queue.append(summary_payload("Ada said hello."))
        assert DEMONSTRATION not in chat.tell("Hello!")

    def test_a_login_is_greeted(self):
        chat = Chat()
        chat.hear("", kind="login")
        assert "Hello, Ada." in chat.run()


class TestAnswersFromCoreMemory:
    @pytest.fixture
    def chat(self) -> Chat:
        chat = Chat()
        chat.tell("Hi, I'm Ada and I play the cello.")
        chat.calls.clear()
        return chat

    def test_quotes_the_person_with_the_day(self, chat: Chat):
        reply = chat.tell("What instrument do I play?")
        assert reply == 'You said on 21 November 2026: "I play the cello"'
        assert chat.used() == ["send_message"]

    def test_knows_the_name(self, chat: Chat):
        assert chat.tell("What is my name?") == "Your name is Ada."

    def test_finds_by_meaning_where_the_words_differ(self, chat: Chat):
        chat.tell("I work as a nurse in Hamburg.")
        assert "nurse" in chat.tell("What's my job?")

    def test_the_newest_of_two_comes_first(self, chat: Chat):
        chat.tell("I now play the viola instead of the cello.")
        reply = chat.tell("What do I play?")
        assert reply.index("viola") < reply.index("I play the cello")

    def test_a_new_name_replaces_the_old_one(self, chat: Chat):
        chat.tell("Actually, my name is Augusta.")
        assert chat.tell("Who am I?") == "Your name is Augusta."
        assert "Name: Ada." not in chat.blocks["human"].value

    def test_says_that_it_found_nothing_instead_of_something_else(self, chat: Chat):
        chat.tell("My favourite name is Bertram.")
        reply = chat.tell("What is my brother's name?")
        assert "found nothing" in reply
        assert "cello" not in reply
        assert "Ada" not in reply
        assert "Bertram" not in reply
        assert "archival_memory_search" in chat.used()

    def test_another_relative_is_not_the_brother(self, chat: Chat):
        chat.tell("My sister's name is Grace.")
        assert "found nothing" in chat.tell("What is my brother's name?")
        assert "Grace" in chat.tell("What is my sister's name?")

    def test_what_belongs_to_somebody_else_is_no_answer(self, chat: Chat):
        chat.tell("My favourite food is ramen.")
        assert "found nothing" in chat.tell("What is my brother's favourite food?")

    def test_tells_all_it_keeps(self, chat: Chat):
        chat.tell("I live in Berlin.")
        reply = chat.tell("What do you know about me?")
        assert "Ada" in reply
        assert "cello" in reply
        assert "Berlin" in reply

    def test_tells_and_asks_in_one_message(self, chat: Chat):
        assert "Berlin" in chat.tell("I live in Berlin. Where do I live?")


class TestKeeping:
    def test_a_request_to_remember_goes_to_archival_memory(self):
        chat = Chat()
        reply = chat.tell("Please remember that the wifi password is swordfish.")
        assert reply.startswith("I will remember that.")
        assert chat.passages[0][2] == (
            'Ada said on 21 November 2026: "the wifi password is swordfish."'
        )

    def test_and_comes_back_from_there(self):
        chat = Chat()
        chat.tell("Remember: the wifi password is swordfish")
        chat.said.clear()
        reply = chat.tell("What is the wifi password?")
        assert reply == 'Ada said on 21 November 2026: "the wifi password is swordfish"'

    def test_what_is_personal_stays_in_sight_too(self):
        chat = Chat()
        chat.tell("Remember that my dentist is Dr. Okafor.")
        assert "Okafor" in chat.blocks["human"].value

    def test_a_fact_that_is_known_is_not_kept_twice(self):
        chat = Chat()
        chat.tell("I play the cello.")
        chat.tell("I play the cello.")
        assert chat.blocks["human"].value.count("cello") == 1

    def test_a_full_block_sends_facts_to_archival_memory(self):
        chat = Chat(limit_chars=60)
        chat.tell("I play the cello in an orchestra that meets every single Thursday.")
        assert chat.passages
        assert chat.blocks["human"].value == ""
        assert all(ok for *_, ok in chat.calls)

    def test_a_refused_append_sends_them_there_too(self):
        chat = Chat()
        chat.blocks["human"] = replace(chat.human("Ada"), read_only=True)
        chat.tell("I play the cello.")
        assert "cello" in chat.passages[0][2]

    def test_small_statements_get_a_short_answer_and_are_not_kept(self):
        chat = Chat()
        chat.tell("Hello!")
        chat.calls.clear()
        assert chat.tell("The weather is nice.") == "I see."
        assert chat.used() == ["send_message"]

    def test_what_is_to_be_forgotten_leaves_core_memory(self):
        chat = Chat()
        chat.tell("I play the cello.")
        chat.tell("I live in Berlin.")
        assert "core memory" in chat.tell("Please forget that I play the cello.")
        assert chat.blocks["human"].value == '"I live in Berlin" (21 November 2026)'
        assert "nothing like that" in chat.tell("Forget my shoe size.")


class TestAnswersFromRecall:
    @pytest.fixture
    def chat(self) -> Chat:
        chat = Chat(room=True)
        chat.tell("Hello all!", name="Grace")
        for text, name in [
            ("The deploy of the billing service is on Thursday.", "Grace"),
            ("Lunch was good.", "Linus"),
            ("I adopted a dog called Biscuit.", "Linus"),
            ("I have a cat called Crumb.", "Grace"),
            ("Anyone for coffee?", "Linus"),
        ]:
            chat.tell(text, name=name)
        chat.calls.clear()
        return chat

    def test_quotes_who_said_what_and_when(self, chat: Chat):
        reply = chat.tell("When is the billing deploy?")
        assert reply.startswith(
            'Grace said on 21 November 2026: "The deploy of the billing service is on Thursday."'
        )
        assert chat.used()[0] == "conversation_search"

    def test_my_means_the_one_who_asks(self, chat: Chat):
        reply = chat.tell("What is my dog called?", name="Linus")
        assert "Biscuit" in reply
        assert "Crumb" not in reply

    def test_and_never_what_somebody_else_said_of_theirs(self, chat: Chat):
        chat.tell("My seat is in row twelve.", name="Grace")
        assert "found nothing" in chat.tell("Where is my seat?", name="Linus")

    def test_does_not_quote_a_request_back(self, chat: Chat):
        chat.tell("Tell me who captains the submarine.")
        assert "found nothing" in chat.tell("Tell me who captains the submarine.")

    def test_does_not_quote_the_question_back(self, chat: Chat):
        chat.tell("Who is the captain of the submarine?")
        reply = chat.tell("Who is the captain of the submarine?")
        assert "found nothing" in reply

    def test_reads_a_second_page_when_the_first_has_too_little(self, chat: Chat):
        chat.tell("When is the billing deploy?")
        pages = [args["page"] for name, args, _ in chat.calls if name == "conversation_search"]
        assert pages == [0, 1]

    def test_a_question_about_somebody_here_takes_the_search_at_its_word(self, chat: Chat):
        reply = chat.tell("Which dog did Linus adopt?")
        assert "Biscuit" in reply

    def test_and_still_finds_nothing_where_no_hit_is_about_it(self, chat: Chat):
        assert "found nothing" in chat.tell("What submarine did Linus captain?")

    def test_quotes_statements_that_end_with_a_question_but_no_bare_questions(self, chat: Chat):
        chat.tell("My kayak sank. Does anybody own a pump?", name="Linus")
        chat.tell("Which kayak?", name="Linus")
        reply = chat.tell("What happened to the kayak?")
        assert "My kayak sank." in reply
        assert '"Which kayak?"' not in reply

    def test_quotes_at_most_five_short_statements(self, chat: Chat):
        for number in range(8):
            chat.tell(f"The zeppelin number {number} has landed.", name="Grace")
        assert chat.tell("Which zeppelin has landed?").count("Grace said on") == 5

    def test_quotes_at_most_three_long_ones(self, chat: Chat):
        for number in range(8):
            chat.tell(f"The zeppelin number {number} has landed{' slowly' * 40}.", name="Grace")
        assert chat.tell("Which zeppelin has landed?").count("Grace said on") == 3


class TestEvents:
    def test_an_alert_after_the_answer_gets_no_reply(self):
        chat = Chat()
        chat.tell("Hello!")
        chat.queue.append(alert_payload("Memory pressure", chat.at, UTC_ZONE))
        assert chat.run() == ""

    def test_an_alert_before_the_answer_does_not_swallow_it(self):
        chat = Chat()
        chat.hear("What is my name?")
        chat.queue.append(alert_payload("Memory pressure", chat.at, UTC_ZONE))
        assert "found nothing" in chat.run()

    def test_a_reminder_is_followed_by_an_answer(self):
        chat = Chat()
        chat.hear("Hello!")
        chat.queue.append(alert_payload("Answer now.", chat.at, UTC_ZONE))
        assert "Hello, Ada." in chat.run()

    def test_a_timer_speaks_and_a_heartbeat_does_not(self):
        chat = Chat()
        chat.hear("call the dentist", kind="timer")
        assert "call the dentist" in chat.run()
        chat.hear("", kind="heartbeat")
        assert chat.run() == ""

    def test_a_file_is_acknowledged(self):
        chat = Chat()
        chat.hear("handbook.pdf, 12 kB", kind="file_upload")
        assert "handbook.pdf" in chat.run()


class TestOtherPurposes:
    async def test_a_summary_is_made_of_the_lines_themselves(self):
        lines = [f"[2026-11-21 10:{n:02} AM UTC+0000] Ada: message number {n}" for n in range(60)]
        lines[30] = "[2026-11-21 10:30:00 AM UTC+0000] Grace: My deadline is 4 May in Oslo."
        content = (
            "Summary so far:\nAda plays the cello.\n\nMessages that come next:\n"
            + "\n".join(lines)
            + "\n\nWrite the new summary."
        )
        request = ModelRequest(
            purpose="summary",
            system="Summarise.",
            messages=(json.dumps({"role": "user", "content": content}),),
            max_output_tokens=900,
        )
        summary = (await OfflineChatModel().complete(request)).content
        assert summary is not None
        assert summary.startswith("Ada plays the cello.")
        assert "2026-11-21 Grace: My deadline is 4 May in Oslo." in summary
        assert "message number 0" in summary
        assert "message number 59" in summary
        assert len(summary.split()) <= 500

    async def test_summaries_of_summaries_stay_short(self):
        old = "word " * 5000
        content = (
            f"Summary so far:\n{old}\n\nMessages that come next:\nhi\n\nWrite the new summary."
        )
        request = ModelRequest(
            purpose="summary",
            system="Summarise.",
            messages=(json.dumps({"role": "user", "content": content}),),
            max_output_tokens=900,
        )
        summary = (await OfflineChatModel().complete(request)).content
        assert summary is not None
        assert len(summary.split()) <= 500

    async def test_the_memory_agent_finds_nothing_to_do(self):
        request = replace(Chat().request(), purpose="memory")
        reply = await OfflineChatModel().complete(request)
        assert [call.name for call in reply.tool_calls] == ["finish_rethinking_memory"]

    async def test_it_says_what_it_is(self):
        model = OfflineChatModel()
        assert model.is_demonstration
        await model.close()


class TestListening:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("I'm Ada.", "Ada"),
            ("My name is grace!", "Grace"),
            ("hello, call me Linus", "Linus"),
            ("Hi there, this is Zoë from Berlin", "Zoë"),
            ("I am German.", ""),
            ("I'm happy today.", ""),
            ("I'm Sorry", ""),
            ("I'm Going to the market", ""),
        ],
    )
    def test_names(self, text: str, name: str):
        assert listen(text).name == name

    @pytest.mark.parametrize(
        "text",
        ["What is it?", "tell me about Rome", "remind me what Bob said", "where do I live"],
    )
    def test_questions(self, text: str):
        assert listen(text).question == text

    @pytest.mark.parametrize(
        "text", ["Don't forget that I am here.", "Do remember this: it is late.", "I see.", "Ok."]
    )
    def test_what_is_no_question(self, text: str):
        assert listen(text).question == ""

    @pytest.mark.parametrize("text", ["I'm fine.", "I have no idea.", "I see.", "It rains."])
    def test_what_is_no_fact(self, text: str):
        assert listen(text).facts == ()

    @pytest.mark.parametrize("text", ["What can you do?", "help", "How are you?", "Thanks!"])
    def test_talk(self, text: str):
        assert listen(text).talk
        assert "found nothing" not in Chat().tell(text)

    @given(st.text())
    def test_never_raises(self, text: str):
        listen(text)

    @given(st.lists(st.text(max_size=40), min_size=1, max_size=3))
    def test_always_answers(self, texts: list[str]):
        chat = Chat()
        for text in texts:
            assert chat.tell(text)
