"""Dates: what a text speaks of, and what a query asks for."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.dates import AskedDates, asked_dates, asks_when, date_terms, holds_time, spoken_terms

SAID = date(2026, 3, 14)  # a Saturday


def days(text: str) -> set[str]:
    return {term for term in spoken_terms(text, SAID) if term.startswith("d")}


def months(text: str) -> set[str]:
    return {term for term in spoken_terms(text, SAID) if term.startswith("m")}


class TestSpokenDates:
    @pytest.mark.parametrize(
        ("text", "day"),
        [
            ("I saw her yesterday", "d2026_03_13"),
            ("the day before yesterday", "d2026_03_12"),
            ("we leave tomorrow", "d2026_03_15"),
            ("last Friday was fun", "d2026_03_13"),
            ("last Saturday", "d2026_03_07"),
            ("next Monday", "d2026_03_16"),
            ("three days ago", "d2026_03_11"),
            ("on 8 May 2025", "d2025_05_08"),
            ("May 8th, 2025", "d2025_05_08"),
            ("on the 8th of May", "d2026_05_08"),
            ("due 2026-04-01", "d2026_04_01"),
            ("vorgestern war es kalt", "d2026_03_12"),
            ("vor drei Tagen", "d2026_03_11"),
            ("am 24.12.2025", "d2025_12_24"),
            ("le 3 mars", "d2026_03_03"),
            ("il y a deux jours", "d2026_03_12"),
            ("lo vi ayer", "d2026_03_13"),
            ("hace tres dias", "d2026_03_11"),
        ],
    )
    def test_names_the_day(self, text, day):
        assert days(text) == {day}

    @pytest.mark.parametrize(
        ("text", "month"),
        [
            ("two months ago", "m2026_01"),
            ("two weeks ago", "m2026_02"),
            ("last month", "m2026_02"),
            ("next month", "m2026_04"),
            ("in December", "m2025_12"),
            ("in June", "m2026_06"),
            ("letzten Monat", "m2026_02"),
            ("la semana pasada", "m2026_03"),
            ("le mois dernier", "m2026_02"),
            ("in December 2024", "m2024_12"),
        ],
    )
    def test_names_the_month(self, text, month):
        assert months(text) == {month}

    @pytest.mark.parametrize(
        "text", ["I may go", "they march on", "31 February", "nothing here", "2026-13-45"]
    )
    def test_names_no_day_where_there_is_none(self, text):
        assert not days(text)

    def test_counts_a_phrase_within_a_longer_one_once(self):
        assert days("the day after tomorrow") == {"d2026_03_16"}


class TestAskedDates:
    def test_a_month_with_its_year(self):
        assert asked_dates("What happened in May 2025?") == AskedDates(months=("m2025_05",))

    def test_a_month_of_any_year(self):
        assert asked_dates("What happened in May?") == AskedDates(months=("n05",))

    def test_a_day(self):
        assert asked_dates("on 8 May, 2025") == AskedDates(
            months=("m2025_05",), days=("d2025_05_08",)
        )

    def test_a_day_of_any_year(self):
        assert asked_dates("on May 8") == AskedDates(months=("n05",), days=("e05_08",))

    def test_yesterday_only_when_it_is_known_what_today_is(self):
        assert asked_dates("what did I say yesterday") == AskedDates()
        assert asked_dates("what did I say yesterday", SAID).days == ("d2026_03_13",)

    @pytest.mark.parametrize("query", ["on May 8", "in May", "8 May 2026"])
    def test_meets_what_a_message_of_that_day_is_stored_under(self, query):
        dates = asked_dates(query)
        assert {*dates.months, *dates.days} <= set(date_terms(date(2026, 5, 8)))


class TestTime:
    @pytest.mark.parametrize(
        "query", ["When did she leave?", "What date was it?", "Wann war das?", "¿Cuándo fue?"]
    )
    def test_is_asked_for(self, query):
        assert asks_when(query)

    def test_is_not_asked_for(self):
        assert not asks_when("Who left? Whenever, whoever.")

    def test_is_held(self):
        assert holds_time("See you on Friday")
        assert not holds_time("See you")


@given(st.text(), st.dates())
def test_no_text_breaks_the_reading_of_dates(text, said):
    spoken_terms(text, said)
    asked_dates(text, said)


@given(st.sampled_from(["yesterday", "9 months ago", "999 days ago", "next month"]), st.dates())
def test_the_ends_of_the_calendar_break_nothing(text, said):
    assert spoken_terms(text, said)
