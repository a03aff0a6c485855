"""Recall memory's index: what is found, by whom, and what is gone."""

import sqlite3
import threading
from datetime import timedelta

import numpy as np
import pytest

from storage.sqlite.recall_index import RecallIndex, RecallQuery
from storage.sqlite.search_rows import start_model
from tests.storage.search_memory import DIMENSION, MODEL, NOON, RecallMemory, embed, raw_bytes


@pytest.fixture
def memory(tmp_path):
    memory = RecallMemory(tmp_path / "memory.db")
    yield memory
    memory.connection.close()


class TestFinding:
    def test_the_only_message_is_found_by_its_word(self, memory):
        memory.say("My cat is called Tom")
        assert memory.found("cat") == ["My cat is called Tom"]

    def test_nothing_is_found_in_an_empty_memory(self, memory):
        assert memory.hits("cat").total == 0

    def test_nonsense_finds_nothing(self, memory):
        memory.chatter(30)
        memory.embed_all()
        assert memory.hits("qwzx vbnmpl").total == 0

    def test_another_form_of_a_word_is_found(self, memory):
        memory.chatter(30)
        memory.say("We hiked all day")
        assert memory.found("hiking", limit=1) == ["We hiked all day"]

    def test_the_answer_is_found_by_the_question_before_it(self, memory):
        memory.chatter(30)
        memory.say("What is your favourite cheese?", author="Grace")
        memory.say("Gouda, without a doubt.", minutes=1)
        assert "Gouda, without a doubt." in memory.found("favourite cheese", limit=2)

    def test_an_exact_key_comes_first(self, memory):
        keys = [f"{number:08x}-e89b-42d3-a456-426614174000" for number in range(40)]
        for number, key in enumerate(keys):
            memory.say(f"Key: {key}", conversation=str(number))
        memory.embed_all()
        for meaning in (False, True):
            assert memory.found(keys[17], limit=1, meaning=meaning) == [f"Key: {keys[17]}"]

    def test_the_speaker_a_query_names_is_preferred(self, memory):
        memory.chatter(30)
        memory.say("I bought a red bicycle", author="Ada", conversation="1")
        memory.say("I bought a red bicycle!", author="Grace", conversation="2")
        assert memory.found("Which bicycle did Ada buy?", limit=1) == ["I bought a red bicycle"]

    def test_all_of_a_speaker_is_found_by_the_name_alone(self, memory):
        memory.chatter(5)
        memory.say("Hello there", author="Ada Lovelace")
        memory.say("And hello again", author="Ada Lovelace")
        assert set(memory.found("Lovelace")) >= {"Hello there", "And hello again"}

    def test_a_date_that_is_named_is_preferred(self, memory):
        memory.chatter(30)
        memory.say("The dentist was kind", conversation="1")
        memory.say("The dentist was rude", conversation="2", minutes=-60 * 24 * 200)
        assert memory.found("the dentist in March 2026", limit=1) == ["The dentist was kind"]

    def test_a_date_that_is_spoken_of_is_found(self, memory):
        memory.chatter(30)
        memory.say("Yesterday we went sailing")
        assert memory.found("What happened on 13 March 2026?", limit=1) == [
            "Yesterday we went sailing"
        ]

    @pytest.mark.parametrize(
        ("stored", "query"),
        [
            ("我昨天在北京大学遇到了王老师", "北京"),
            ("昨日は友達と京都でお寺を見ました", "京都のお寺"),
            ("우리는 지난주에 부산에서 회를 먹었습니다", "부산"),
            ("ผมชอบกินข้าวผัดกับไก่", "ข้าวผัด"),
            ("Ich habe gestern zwei Katzen gesehen", "Katze"),
        ],
    )
    def test_other_languages_are_found(self, memory, stored, query):
        memory.chatter(30)
        memory.say(stored)
        assert memory.found(query, limit=1) == [stored]

    @pytest.mark.parametrize(
        "query", ['"', "cat*", "NEAR(cat dog)", "cat AND", "terms:cat", "-cat", "'; --", "", "^cat"]
    )
    def test_no_query_is_syntax(self, memory, query):
        memory.say("My cat is called Tom")
        memory.hits(query)

    def test_a_word_of_most_messages_is_still_found(self, memory):
        for number in range(12):
            memory.say(f"lol {number}", conversation=str(number))
        assert memory.hits("lol").total == 12

    def test_meaning_finds_what_words_do_not(self, memory):
        memory.chatter(30)
        seq = memory.say("My kitten is asleep")
        with memory.connection:
            rows = memory.index.pending(memory.connection, 100)
            near = [embed("cat") if row.seq == seq else embed(row.text) for row in rows]
            memory.index.store_vectors(memory.connection, MODEL, rows, np.array(near))
        assert memory.found("cat", limit=1, meaning=True) == ["My kitten is asleep"]
        assert memory.found("cat") == []


class TestFilters:
    def test_a_page_continues_the_one_before(self, memory):
        for number in range(7):
            memory.say(f"tea number {number}", conversation=str(number))
        memory.chatter(30)
        pages = [memory.hits("tea", limit=3, offset=offset) for offset in (0, 3, 6)]
        seqs = [seq for page in pages for seq in page.seqs]
        assert [len(page.seqs) for page in pages] == [3, 3, 1]
        assert len(set(seqs)) == pages[0].total == 7

    def test_start_and_end_are_included(self, memory):
        for number in range(4):
            memory.say(f"tea {number}", minutes=number, conversation=str(number))
        start, end = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)
        assert set(memory.found("tea", start=start, end=end)) == {"tea 1", "tea 2"}

    def test_only_the_speaker_asked_for(self, memory):
        memory.say("tea please", author="Ada")
        memory.say("tea too", author="Grace")
        assert memory.found("tea", speaker="GRACE") == ["tea too"]
        assert memory.found("tea", speaker="Nobody") == []

    def test_what_is_excluded_is_not_found(self, memory):
        first = memory.say("tea please")
        memory.say("tea too")
        assert memory.found("tea", exclude=frozenset([first, 999])) == ["tea too"]


class TestScope:
    def test_another_agents_messages_are_never_found(self, memory):
        memory.say("the secret is heliotrope", agent="b")
        memory.say("nothing of note", agent="a")
        memory.embed_all()
        for meaning in (False, True):
            assert memory.found("heliotrope secret", agent="a", meaning=meaning) == []

    def test_another_agents_words_do_not_change_a_score(self, memory):
        memory.chatter(10)
        memory.say("tea please")
        alone = memory.hits("tea please").scores
        for number in range(20):
            memory.say("tea please", agent="b", conversation=str(number))
        assert memory.hits("tea please").scores == alone

    def test_an_agents_number_cannot_be_forged_in_a_query(self, memory):
        memory.say("heliotrope", agent="b")
        memory.say("plain words", agent="a")
        assert memory.found("1wheliotrop 1wheliotrope") == []

    def test_a_name_in_a_query_means_only_this_agents_speakers(self, memory):
        memory.say("hello", author="Grace", agent="b")
        memory.say("hello", author="Ada", agent="a")
        meaning = memory.index.meaning_of(memory.connection, "a", "Did Grace's dog meet Ada's dog?")
        assert meaning == "Did Grace's dog meet dog?"


class TestSittings:
    def sittings(self, memory) -> list[int]:
        return [
            row[0]
            for row in memory.connection.execute("SELECT sitting FROM recall_rows ORDER BY seq")
        ]

    def test_end_with_a_long_silence(self, memory):
        first = memory.say("one")
        memory.say("two", minutes=300)
        third = memory.say("three", minutes=900)
        assert self.sittings(memory) == [first, first, third]

    def test_belong_to_one_conversation(self, memory):
        first = memory.say("one", conversation="x")
        second = memory.say("two", conversation="y", minutes=1)
        memory.say("three", conversation="x", minutes=2)
        assert self.sittings(memory) == [first, second, first]

    def test_keep_an_edited_message(self, memory):
        for minutes in (0, 1, 2):
            memory.say("word", minutes=minutes)
        before = self.sittings(memory)
        with memory.connection:
            memory.index.remove(memory.connection, [2])
            memory.index.add(memory.connection, [memory.message(2, "edited", minutes=1)])
        assert self.sittings(memory) == before

    def test_leave_no_trace_when_all_is_removed(self, memory):
        seq = memory.say("one")
        with memory.connection:
            memory.index.remove(memory.connection, [seq])
        assert memory.connection.execute("SELECT count(*) FROM recall_sittings").fetchone() == (0,)


class TestKeptArrays:
    """Arrays stay between searches; each test fails if they were trusted blindly."""

    def test_grow_with_new_messages(self, memory):
        memory.say("tea one")
        memory.found("tea")
        memory.say("tea two", minutes=1)
        assert set(memory.found("tea")) == {"tea one", "tea two"}

    def test_do_not_outlive_a_removed_message(self, memory):
        seq = memory.say("tea one")
        memory.say("tea two", conversation="2")
        memory.found("tea")
        with memory.connection:
            memory.index.remove(memory.connection, [seq])
        assert memory.found("tea") == ["tea two"]

    def test_do_not_show_the_old_text_of_an_edited_message(self, memory):
        memory.chatter(10)
        seq = memory.say("tea please")
        memory.embed_all()
        memory.found("tea", meaning=True)
        with memory.connection:
            memory.index.remove(memory.connection, [seq])
            memory.index.add(memory.connection, [memory.message(seq, "coffee please")])
        assert memory.hits("tea").total == 0
        assert memory.hits("coffee").seqs[0] == seq

    def test_notice_what_another_process_removed(self, memory):
        seq = memory.say("tea one")
        memory.found("tea")
        other = sqlite3.connect(memory.path)
        with other:
            RecallIndex(cache_bytes=0).remove(other, [seq])
        other.close()
        assert memory.found("tea") == []

    def test_never_hold_what_was_rolled_back(self, memory):
        memory.say("tea one")
        reader = sqlite3.connect(memory.path)
        memory.connection.execute("BEGIN")
        seq = memory.insert("tea two")
        memory.index.add(memory.connection, [memory.message(seq, "tea two")])
        query = RecallQuery(agent_id="a", text="tea")
        seen = memory.index.search(reader, query, 10).seqs
        memory.connection.rollback()
        memory.say("coffee", conversation="another")
        assert memory.index.search(reader, query, 10).seqs == seen == (1,)
        reader.close()

    def test_take_in_vectors_that_come_later(self, memory):
        memory.say("tea one")
        memory.found("tea", meaning=True)
        assert len(memory.hits("two kettles", meaning=True).seqs) == 0
        memory.embed_all()
        assert memory.found("tea one", meaning=True) == ["tea one"]
        memory.say("kettles", minutes=1)
        memory.embed_all()
        assert memory.found("kettles", meaning=True)[0] == "kettles"

    def test_stay_within_their_bound_and_the_oldest_leave_first(self, tmp_path):
        memory = RecallMemory(tmp_path / "memory.db", cache_bytes=30_000)
        for agent in ("a", "b", "c"):
            memory.chatter(120, agent=agent)
        memory.embed_all()
        for agent in ("a", "b", "c"):
            memory.found("filler", agent=agent, meaning=True)
        assert memory.index.cached_bytes <= 30_000
        assert memory.index.is_cached("c")
        assert not memory.index.is_cached("a")
        memory.connection.close()

    def test_read_on_where_a_frequent_word_ended(self, memory):
        memory.chatter(400)
        assert memory.hits("sentence number7").total >= 1
        before = memory.hits("filler").total
        memory.say("one more filler", conversation="later", minutes=5)
        assert memory.hits("filler").total == before + 1
        assert memory.found("filler", limit=500)

    def test_keep_the_lists_of_frequent_words_within_a_bound(self, memory):
        with memory.connection:
            memory.index.add(
                memory.connection,
                [
                    memory.message(seq, " ".join(f"w{seq % 3}{letter}" for letter in "abcdefghij"))
                    for seq in range(1, 1201)
                ],
            )
        memory.hits("w0a w1a w2a")
        after_three = memory.index.cached_bytes
        for letter in "bcdefghij":
            assert memory.hits(f"w0{letter} w1{letter} w2{letter}").total
        assert memory.index.cached_bytes - after_three <= 1200 * 2 * 8

    def test_are_dropped_when_told(self, memory):
        memory.say("tea")
        memory.found("tea")
        memory.index.invalidate("a")
        assert not memory.index.is_cached("a")
        memory.found("tea")
        memory.index.invalidate()
        assert memory.index.cached_bytes == 0

    def test_serve_several_threads(self, memory):
        for number in range(60):
            memory.say(f"tea {number}", conversation=str(number))
        memory.embed_all()
        wanted = memory.hits("tea 7", meaning=True).seqs
        memory.index.invalidate()
        found: list[tuple[int, ...]] = []

        def read() -> None:
            reader = sqlite3.connect(memory.path)
            query = RecallQuery(agent_id="a", text="tea 7", vector=embed("tea 7"), model=MODEL)
            found.extend(memory.index.search(reader, query, 10).seqs for _ in range(20))
            reader.close()

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [wanted] * 80


class TestVectors:
    def test_are_asked_for_newest_first(self, memory):
        seqs = [memory.say(f"tea {number}") for number in range(3)]
        rows = memory.index.pending(memory.connection, 2)
        assert [row.seq for row in rows] == [seqs[2], seqs[1]]

    def test_are_asked_for_once(self, memory):
        memory.say("tea")
        memory.embed_all()
        assert memory.index.pending(memory.connection, 10) == []

    def test_that_nobody_has_yet_leave_the_search_to_words(self, memory):
        memory.chatter(10)
        memory.say("tea please")
        assert memory.hits("tea", meaning=True) == memory.hits("tea")

    def test_of_another_model_are_never_compared(self, memory):
        memory.chatter(10)
        memory.embed_all(model="older")
        assert memory.hits("no word in common", meaning=True).total == 0

    def test_are_made_anew_for_another_model(self, memory):
        memory.say("tea")
        memory.embed_all(model="older")
        with memory.connection:
            start_model(memory.connection, MODEL, DIMENSION)
        assert [row.text for row in memory.index.pending(memory.connection, 10)] == ["tea"]
        rows = memory.connection.execute("SELECT count(*) FROM search_vectors").fetchone()
        assert rows == (0,)

    def test_of_the_same_model_are_kept(self, memory):
        memory.say("tea")
        memory.embed_all()
        with memory.connection:
            start_model(memory.connection, MODEL, DIMENSION)
        assert memory.index.pending(memory.connection, 10) == []

    def test_of_another_dimension_are_refused(self, memory):
        memory.say("tea")
        memory.embed_all()
        memory.say("coffee")
        rows = memory.index.pending(memory.connection, 10)
        with pytest.raises(ValueError, match="64 dimensions"):
            memory.index.store_vectors(memory.connection, MODEL, rows, np.ones((1, 3), np.float32))

    def test_made_for_a_message_that_is_gone_are_dropped(self, memory):
        seq = memory.say("tea")
        rows = memory.index.pending(memory.connection, 10)
        with memory.connection:
            memory.index.remove(memory.connection, [seq])
            memory.index.store_vectors(memory.connection, MODEL, rows, np.array([embed("tea")]))
        assert memory.connection.execute("SELECT count(*) FROM search_vectors").fetchone() == (0,)


class TestForgetting:
    def test_leaves_no_word_in_the_file(self, memory):
        memory.chatter(50)
        seq = memory.say("the heliotrope is abloom")
        memory.chatter(5)
        memory.embed_all()
        assert b"heliotrop" in raw_bytes(memory.connection, memory.path)
        with memory.connection:
            memory.index.remove(memory.connection, [seq])
            memory.connection.execute("DELETE FROM messages WHERE seq = ?", (seq,))
        with memory.connection:
            memory.index.purge(memory.connection)
        assert b"heliotrop" not in raw_bytes(memory.connection, memory.path)
        assert memory.hits("filler").total > 0


class TestLanguagesOfAnAgent:
    def test_a_language_that_comes_later_is_searched_too(self, memory):
        memory.chatter(30)
        memory.found("cat")
        memory.say("Ich habe gestern zwei Katzen gesehen")
        assert memory.found("Katze", limit=1) == ["Ich habe gestern zwei Katzen gesehen"]


def test_the_cost_of_a_search_does_not_grow_with_other_agents(memory):
    """Counted in steps of SQLite's virtual machine, which do not depend on the machine's load."""
    memory.chatter(20)
    memory.say("tea please")

    def steps() -> int:
        counted = 0

        def count() -> int:
            nonlocal counted
            counted += 1
            return 0

        memory.index.purge(memory.connection)  # one segment, however much was written
        memory.connection.commit()
        memory.found("tea please")
        memory.connection.set_progress_handler(count, 1)
        memory.found("tea please")
        memory.connection.set_progress_handler(None, 1)
        return counted

    alone = steps()
    for number in range(200):
        memory.say("tea please", agent=f"other {number % 7}", conversation=str(number))
    assert steps() <= alone * 1.1
