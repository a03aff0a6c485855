"""When the bot answers, reads along, or leaves a message alone."""

import pytest

from bots.pair_budget import EVENTS
from bots.places import Places
from bots.routing import Origin, Reception, Rules, hearing

ROOM = Origin(platform="slack", team="T1", user="B1", room="C1")


class Seconds:
    now = 1000.0

    def __call__(self):
        return self.now


class TestModes:
    @pytest.mark.parametrize("mode", ["mention", "thread", "listen"])
    @pytest.mark.parametrize("way", ["mentions_bot", "replies_to_bot", "engaged_thread"])
    def test_what_is_addressed_to_it_is_answered(self, mode, way):
        assert hearing(Reception(**{way: True}), Rules(mode=mode)) == "answer"

    @pytest.mark.behaviour("when.mode-listen", "discord", "slack")
    @pytest.mark.parametrize(
        ("mode", "heard"),
        [("mention", "ignore"), ("thread", "ignore"), ("listen", "overhear"), ("off", "ignore")],
    )
    def test_talk_among_people_is_read_only_where_it_listens(self, mode, heard):
        assert hearing(Reception(), Rules(mode=mode)) == heard

    @pytest.mark.behaviour("when.mode-off", "discord", "slack")
    def test_off_is_off_for_mentions_too_but_not_for_direct_messages(self):
        assert hearing(Reception(mentions_bot=True), Rules(mode="off")) == "ignore"
        assert hearing(Reception(direct=True), Rules(mode="off")) == "answer"

    @pytest.mark.parametrize("mode", ["mention", "listen"])
    def test_itself_is_never_heard(self, mode):
        own = Reception(own=True, mentions_bot=True)
        assert hearing(own, Rules(mode=mode, bots="mentions")) == "ignore"


class TestOtherBots:
    @pytest.mark.parametrize("mode", ["mention", "listen"])
    def test_are_ignored_unless_they_are_let_in(self, mode):
        assert hearing(Reception(from_bot=True, mentions_bot=True), Rules(mode=mode)) == "ignore"

    def test_that_are_let_in_have_to_mention_it(self):
        rules = Rules(bots="mentions", mode="listen")
        assert hearing(Reception(from_bot=True, mentions_bot=True), rules) == "answer"
        assert hearing(Reception(from_bot=True, engaged_thread=True), rules) == "ignore"
        direct = Reception(from_bot=True, direct=True, mentions_bot=True)
        assert hearing(direct, rules) == "ignore"


class TestPairs:
    def talk(self, places, times, origin=ROOM):
        said = Reception(from_bot=True, mentions_bot=True)
        return [places.hearing(origin, said) for _ in range(times)].count("answer")

    @pytest.mark.behaviour("when.bot-budget", "slack", "discord")
    @pytest.mark.behaviour("when.bot-budget", "discord", "slack")
    def test_have_twenty_events_a_minute_then_a_minute_of_rest(self):
        clock = Seconds()
        places = Places(Rules(bots="mentions"), seconds=clock)
        assert self.talk(places, 3 * EVENTS) == EVENTS
        clock.now += 59
        assert self.talk(places, 1) == 0
        clock.now += 1
        assert self.talk(places, 1) == 1

    def test_that_talk_slowly_need_no_rest(self):
        clock = Seconds()
        places = Places(Rules(bots="mentions"), seconds=clock)
        for _ in range(3 * EVENTS):
            clock.now += 4
            assert self.talk(places, 1) == 1

    def test_have_a_budget_each(self):
        places = Places(Rules(bots="mentions"))
        self.talk(places, EVENTS)
        other = Origin(platform="slack", team="T1", user="B2", room="C1")
        assert self.talk(places, 1, other) == 1

    def test_people_have_none(self):
        places = Places()
        said = Reception(mentions_bot=True)
        heard = [places.hearing(ROOM, said) for _ in range(3 * EVENTS)]
        assert heard.count("answer") == 3 * EVENTS
