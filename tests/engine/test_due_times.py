"""When things are due: what models write, cron text, time zones and quiet hours."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.due_times import QuietHours, next_time, planned, shown_time, zone_named
from engine.errors import ModelMistake

BERLIN, LONDON = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


class TestOnce:
    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("2026-11-22 09:00", utc(2026, 11, 22, 8, 0)),
            ("2026-11-22T09:00:30", utc(2026, 11, 22, 8, 0, 30)),
            ("2026-11-22 09:00Z", utc(2026, 11, 22, 9, 0)),
            ("2026-11-22T09:00-05:00", utc(2026, 11, 22, 14, 0)),
            (" 2026-11-22 09:00:00 AM UTC+0100 ", utc(2026, 11, 22, 8, 0)),
            ("2026-11-22", utc(2026, 11, 21, 23, 0)),
        ],
    )
    def test_a_time_counts_in_the_persons_zone_unless_it_says_another(self, text, at):
        assert planned(text, BERLIN, NOW) == ("", at)

    @pytest.mark.parametrize("text", ["2026-11-21 12:59", "2025-01-01", "2026-11-21T12:00Z"])
    def test_a_past_time_is_refused_with_the_time_it_is(self, text):
        with pytest.raises(ModelMistake, match=r"past; it is Sat 2026-11-21 13:00 \(Europe/Ber"):
            planned(text, BERLIN, NOW)

    @pytest.mark.parametrize("text", ["", "tomorrow", "25:00", "2026-13-01", "9" * 60, "@daily"])
    def test_what_is_no_time_is_refused_with_an_example(self, text):
        with pytest.raises(ModelMistake, match="2026-11-21 18:30, or cron text such as 30 18"):
            planned(text, BERLIN, NOW)

    def test_a_time_beyond_the_calendar_elsewhere_is_none(self):
        with pytest.raises(ModelMistake, match="must be a time such as"):
            planned("9999-12-31 23:59", ZoneInfo("America/Los_Angeles"), NOW)

    def test_a_time_that_a_clock_change_skips_is_told_as_the_clock_will_show_it(self):
        _, at = planned("2027-03-28 02:30", BERLIN, NOW)
        assert shown_time(at, BERLIN) == "Sun 2027-03-28 03:30 (Europe/Berlin)"


class TestOften:
    def test_cron_text_counts_in_the_persons_zone(self):
        assert planned("0 9 * * 1-5", BERLIN, NOW) == ("0 9 * * 1-5", utc(2026, 11, 23, 8, 0))

    @pytest.mark.parametrize("rule", ["a b c d e", "0 0 30 2 *", "61 * * * *", "* * * * * L"])
    def test_what_is_never_due_is_refused(self, rule):
        with pytest.raises(ModelMistake):
            planned(rule, BERLIN, NOW)

    @pytest.mark.parametrize(
        "rule", ["* * * * *", "*/10 * * * *", "0,50 9,10 * * *", "0,5 9 1 1 *"]
    )
    def test_more_than_every_fifteen_minutes_is_refused(self, rule):
        with pytest.raises(ModelMistake):
            planned(rule, BERLIN, NOW)

    @pytest.mark.parametrize("rule", ["*/15 * * * *", "0 9 29 2 *", "0,20,40 8-20 * * *"])
    def test_every_fifteen_minutes_or_less_often_is_taken(self, rule):
        assert planned(rule, BERLIN, NOW)[0] == rule

    def test_the_clock_stays_the_same_when_summer_time_ends(self):
        before = utc(2026, 10, 24, 12, 0)
        first = next_time("0 9 * * *", BERLIN, before)
        second = next_time("0 9 * * *", BERLIN, first)
        assert (first.hour, second.hour) == (9, 9)
        assert second.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=24)
        assert first.astimezone(UTC) - before == timedelta(hours=20)

    def test_a_time_that_a_clock_change_skips_comes_once_that_day(self):
        first = next_time("30 2 * * *", BERLIN, utc(2026, 3, 28, 12, 0))
        second = next_time("30 2 * * *", BERLIN, first)
        assert first.date().isoformat() == "2026-03-29"
        assert second.date().isoformat() == "2026-03-30"

    @pytest.mark.parametrize("rule", ["", "nonsense", "0 0 30 2 *", "1 2 3"])
    def test_what_is_no_rule_has_no_next_time(self, rule):
        assert next_time(rule, BERLIN, NOW) is None


class TestZones:
    def test_an_unknown_zone_falls_back(self):
        assert zone_named("Europe/Berlin", LONDON) == BERLIN
        for name in (None, "", "Mars/Olympus", "../etc/passwd", "\0"):
            assert zone_named(name, LONDON) == LONDON

    def test_a_time_is_shown_with_its_day_and_zone(self):
        assert shown_time(NOW, BERLIN) == "Sat 2026-11-21 13:00 (Europe/Berlin)"


class TestQuietHours:
    night = QuietHours(start=time(22), end=time(7), zone=BERLIN)

    @pytest.mark.parametrize(
        ("at", "end"),
        [
            (utc(2026, 11, 21, 20, 59), None),
            (utc(2026, 11, 21, 21, 0), utc(2026, 11, 22, 6, 0)),
            (utc(2026, 11, 22, 3, 0), utc(2026, 11, 22, 6, 0)),
            (utc(2026, 11, 22, 6, 0), None),
        ],
    )
    def test_they_go_over_midnight_in_their_own_zone(self, at, end):
        assert self.night.end_after(at) == end

    def test_they_may_be_a_part_of_the_day(self):
        lunch = QuietHours(start=time(12), end=time(13), zone=BERLIN)
        assert lunch.end_after(utc(2026, 11, 21, 11, 30)) == utc(2026, 11, 21, 12, 0)
        assert lunch.end_after(utc(2026, 11, 21, 12, 30)) is None

    @given(st.times(), st.integers(0, 86_399))
    def test_there_are_none_when_both_ends_are_the_same(self, ends, second):
        none = QuietHours(start=ends, end=ends, zone=BERLIN)
        assert none.end_after(NOW + timedelta(seconds=second)) is None

    @given(st.times(), st.times(), st.integers(0, 86_399))
    def test_what_they_hold_back_is_due_when_they_end(self, start, end, second):
        hours = QuietHours(start=start, end=end, zone=ZoneInfo("UTC"))
        at = NOW + timedelta(seconds=second)
        until = hours.end_after(at)
        assert until is None or (at < until <= at + timedelta(days=1))
        assert until is None or hours.end_after(until) is None
