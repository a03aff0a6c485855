"""Words: what a text is stored under and what a query asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.words import (
    fold,
    language_bit,
    language_of,
    query_identifiers,
    query_words,
    speaks_of_self,
    terms,
)


def asked(query: str) -> set[str]:
    return {term for word in query_words(query) for term in word.terms}


class TestFolding:
    def test_ignores_capitals_and_latin_accents(self):
        assert fold("CAFÉ Müller") == "cafe muller"

    def test_reads_full_width_letters_as_ordinary_ones(self):
        assert fold("ＡＢＣ１２３") == "abc123"

    def test_keeps_the_marks_that_make_another_kana(self):
        assert fold("が") != fold("か")


class TestEnglish:
    @pytest.mark.parametrize(
        ("stored", "query"),
        [("We hiked up there", "hiking"), ("two puppies", "puppy"), ("He runs daily", "running")],
    )
    def test_finds_other_forms_of_a_word(self, stored, query):
        assert asked(query) & set(terms(stored))

    def test_drops_stop_words_from_a_query(self):
        assert [word.text for word in query_words("What did she do at the lake?")] == ["lake"]

    def test_keeps_stop_words_when_there_is_nothing_else(self):
        assert [word.text for word in query_words("who are you")] == ["who", "are", "you"]

    def test_looks_up_only_the_first_words_of_a_pasted_text(self):
        pasted = " ".join(f"word{number} id-{number}" for number in range(5_000))
        assert len(query_words(pasted)) == 100
        assert len(query_identifiers(pasted)) == 100
        assert len(query_words("\u8336\u9053" * 5_000 + "\u6771\u4eac" * 5_000)) <= 100

    def test_counts_a_repeated_word_once(self):
        assert len(query_words("tea tea hot tea")) == 2


class TestOtherLanguages:
    @pytest.mark.parametrize(
        ("stored", "query"),
        [
            ("Ich habe gestern zwei Katzen gesehen", "Katze"),
            ("Wir sind mit den Kindern gewandert", "Kinder"),
            ("Nous avons mangé des crêpes chez ma tante", "crêpe"),
            ("Mañana vamos a visitar las montañas con mi hermana", "montaña"),
        ],
    )
    def test_finds_other_forms_of_a_word(self, stored, query):
        assert asked(query) & set(terms(stored))

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("was ist das und wo sind wir", "german"),
            ("je ne suis pas sur le toit", "french"),
            ("donde esta la casa de mi madre", "spanish"),
            ("where is the house of my mother", "english"),
            ("qwerty", "english"),
        ],
    )
    def test_tells_languages_by_their_function_words(self, text, name):
        assert language_of(text.split()).name == name

    def test_asks_only_for_stems_of_languages_in_the_store(self):
        english = query_words("Katzen", language_bit("the house is big"))
        assert [word.terms for word in english] == [("wkatzen",)]


class TestScriptsWithoutSpaces:
    @pytest.mark.parametrize(
        ("stored", "query"),
        [
            ("我昨天在北京大学遇到了王老师", "北京"),
            ("我家有一只猫", "猫"),
            ("昨日は友達と京都でお寺を見ました", "京都"),
            ("ผมชอบกินข้าวผัดกับไก่", "ข้าวผัด"),
            ("우리는 지난주에 부산에서 회를 먹었습니다", "부산"),
        ],
    )
    def test_finds_a_word_inside_a_sentence(self, stored, query):
        assert asked(query) <= set(terms(stored))

    def test_does_not_find_a_word_that_is_not_there(self):
        assert not asked("上海") & set(terms("我昨天在北京大学遇到了王老师"))

    def test_tells_scripts_apart_within_one_run(self):
        assert {"wiphon", "g手", "g手机"} <= set(terms("iPhone手机"))


class TestIdentifiers:
    def test_keeps_a_uuid_whole_beside_its_parts(self):
        found = terms("Key: 123e4567-e89b-42d3-a456-426614174000")
        assert "i123e4567_e89b_42d3_a456_426614174000" in found
        assert "we89b" in found

    def test_takes_a_code_without_signs_as_one(self):
        assert query_identifiers("where is order AB12CD34?") == ["iab12cd34"]

    def test_takes_no_ordinary_word_or_number_for_one(self):
        assert query_identifiers("the well-known 1999 show at 12 o'clock") == []


class TestFirstPerson:
    def test_is_seen_in_every_language(self):
        assert speaks_of_self("My dog is old")
        assert speaks_of_self("Das ist mein Hund")

    def test_is_not_seen_where_there_is_none(self):
        assert not speaks_of_self("Dogs bark")


@given(st.text())
def test_any_text_becomes_terms_that_are_plain_tokens(text):
    for term in [*terms(text), *asked(text), *query_identifiers(text)]:
        assert term
        assert not any(sign.isascii() and not (sign.isalnum() or sign == "_") for sign in term)


@given(st.text())
def test_every_text_is_found_by_itself(text):
    assert asked(text) & set(terms(text)) or not query_words(text)
