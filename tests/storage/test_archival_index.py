"""Archival memory's index: what is found, and what is gone."""

from datetime import timedelta

import pytest

from storage.sqlite.archival_index import ArchivalQuery
from tests.storage.search_memory import MODEL, NOON, ArchivalMemory, embed, raw_bytes


@pytest.fixture
def memory(tmp_path):
    memory = ArchivalMemory(tmp_path / "memory.db")
    yield memory
    memory.connection.close()


@pytest.fixture
def library(memory):
    for number in range(20):
        memory.keep(f"A passage about subject number{number} and not much else.")
    return memory


class TestFinding:
    def test_a_passage_is_found_by_its_word(self, library):
        library.keep("Grace is allergic to peanuts.")
        assert library.found("peanut allergy", limit=1) == ["Grace is allergic to peanuts."]

    def test_a_title_is_part_of_the_text(self, library):
        library.keep("It is tall.", title="Eiffel Tower")
        assert library.found("Eiffel", limit=1) == ["It is tall."]

    def test_words_that_are_repeated_count_more(self, library):
        library.keep("Tea and a long story about other things of this world.")
        library.keep("Tea, tea and tea, a long story about things of this world.")
        assert library.found("tea", limit=1)[0].startswith("Tea, tea")

    def test_nonsense_finds_nothing(self, library):
        library.embed_all()
        assert library.found("qwzx vbnmpl") == []

    def test_nothing_is_found_in_an_empty_memory(self, memory):
        assert memory.found("tea") == []
        assert memory.index.nearest(memory.connection, "a", MODEL, embed("tea")) is None

    def test_the_only_passage_is_found(self, memory):
        memory.keep("Grace is allergic to peanuts.")
        memory.embed_all()
        for meaning in (False, True):
            assert memory.found("peanuts", meaning=meaning) == ["Grace is allergic to peanuts."]

    def test_an_exact_key_comes_first(self, library):
        key = "123e4567-e89b-42d3-a456-426614174000"
        library.keep(f"The order {key} was sent.")
        library.keep("123e4567 and e89b and 42d3 and a456 and 426614174000")
        library.embed_all()
        for meaning in (False, True):
            assert library.found(key, limit=1, meaning=meaning) == [f"The order {key} was sent."]

    def test_meaning_is_fused_with_words(self, library):
        library.keep("kettle kettle kettle")
        library.embed_all()
        assert library.found("kettle", meaning=True, limit=1) == ["kettle kettle kettle"]


class TestFilters:
    def test_only_passages_with_every_tag(self, memory):
        memory.keep("tea one", tags=("drinks", "Hot & sweet"))
        memory.keep("tea two", tags=("drinks",))
        assert set(memory.found("tea", tags=("drinks",))) == {"tea one", "tea two"}
        assert memory.found("tea", tags=("drinks", "hot & sweet")) == ["tea one"]
        assert memory.found("tea", tags=("food",)) == []

    def test_a_tag_is_not_a_word(self, library):
        library.keep("nothing to see", tags=("heliotrope",))
        assert library.found("heliotrope") == []

    def test_start_and_end_are_included(self, memory):
        for number in range(4):
            memory.keep(f"tea {number}", days=number)
        start, end = NOON + timedelta(days=1), NOON + timedelta(days=2)
        assert set(memory.found("tea", start=start, end=end)) == {"tea 1", "tea 2"}


class TestScope:
    def test_another_agents_passages_are_never_found(self, memory):
        memory.keep("the secret is heliotrope", agent="b")
        memory.keep("nothing of note", agent="a")
        memory.embed_all()
        for meaning in (False, True):
            assert memory.found("heliotrope", meaning=meaning) == []

    def test_another_agents_passages_are_never_near(self, memory):
        memory.keep("the secret is heliotrope", agent="b")
        own = memory.keep("nothing of note", agent="a")
        memory.embed_all()
        found = memory.index.nearest(memory.connection, "a", MODEL, embed("the secret heliotrope"))
        assert found is not None
        assert found[0] == own


class TestSeveralOwners:
    """Passages of several owners are ranked as if they were one's."""

    @pytest.mark.parametrize("meaning", [False, True])
    def test_the_order_is_that_of_one_memory_with_all(self, memory, meaning):
        texts = [
            f"The tea of village {number} is {'very ' * (number % 4)}good" for number in range(12)
        ]
        texts += ["tea tea tea", "a kettle for tea", "coffee and nothing else"]
        for number, text in enumerate(texts):
            memory.keep(text, agent="whole")
            memory.keep(text, agent="ab"[number % 2])
        memory.embed_all()
        for query in ("village tea", "a kettle", "very good coffee"):
            together = memory.found(query, agents=("a", "b"), meaning=meaning)
            assert sorted(together) == sorted(memory.found(query, agent="whole", meaning=meaning))
            assert together[0] == memory.found(query, agent="whole", meaning=meaning)[0]
            assert _scores(memory, query, ("a", "b"), meaning) == pytest.approx(
                _scores(memory, query, ("whole",), meaning), rel=1e-4
            )

    def test_only_those_that_are_named(self, memory):
        memory.keep("tea of a", agent="a")
        memory.keep("tea of b", agent="b")
        memory.keep("tea of c", agent="c")
        assert sorted(memory.found("tea", agents=("a", "c"))) == ["tea of a", "tea of c"]

    def test_what_is_excluded_is_no_result(self, memory):
        gone = memory.keep("tea one")
        memory.keep("tea two")
        assert memory.found("tea", exclude=frozenset({gone})) == ["tea two"]


def _scores(memory, query, agents, meaning):
    vector, model = (embed(query), MODEL) if meaning else (None, "")
    asked = ArchivalQuery(agents=agents, text=query, vector=vector, model=model)
    return memory.index.search(memory.connection, asked, 10).scores


class TestNearest:
    def test_names_the_passage_with_the_same_words(self, library):
        seq = library.keep("Grace is allergic to peanuts.")
        library.embed_all()
        found = library.index.nearest(
            library.connection, "a", MODEL, embed("\nGrace is allergic to peanuts.")
        )
        assert found is not None
        assert found[0] == seq
        assert found[1] == pytest.approx(1, abs=0.01)

    def test_is_unknown_without_vectors(self, library):
        assert library.index.nearest(library.connection, "a", MODEL, embed("tea")) is None


class TestForgetting:
    def test_a_removed_passage_is_not_found(self, library):
        seq = library.keep("Grace is allergic to peanuts.")
        library.embed_all()
        library.found("peanuts", meaning=True)
        with library.connection:
            library.index.remove(library.connection, [seq])
        assert library.found("peanuts") == []
        meant = library.found("allergic to peanuts", meaning=True)
        assert "Grace is allergic to peanuts." not in meant

    def test_leaves_no_word_in_the_file(self, library):
        seq = library.keep("heliotrope", tags=("purple",))
        library.keep("something after it")
        assert b"heliotrop" in raw_bytes(library.connection, library.path)
        with library.connection:
            library.index.remove(library.connection, [seq])
            library.connection.execute("DELETE FROM passages WHERE seq = ?", (seq,))
        with library.connection:
            library.index.purge(library.connection)
        assert b"heliotrop" not in raw_bytes(library.connection, library.path)
        assert library.found("subject")
