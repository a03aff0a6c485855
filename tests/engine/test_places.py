"""Which places a setting holds for."""

import pytest

from engine.places import EVERYWHERE, matches, most_specific

ROOM = "slack:T1/channel/C2"
DIRECT = "discord:*/user/222"


class TestAPattern:
    @pytest.mark.parametrize("pattern", ["*", "slack:*", "slack:T1/*", "*/channel/C2", ROOM])
    def test_names_a_room_in_whole_or_in_part(self, pattern):
        assert matches(ROOM, [pattern])

    @pytest.mark.parametrize("pattern", ["discord:*", "slack:T/*", "slack:T1/channel/C", "", "T1"])
    def test_does_not_name_a_neighbour(self, pattern):
        assert not matches(ROOM, [pattern])

    def test_names_direct_messages_which_belong_to_no_server(self):
        assert matches(DIRECT, ["discord:*/user/*"])
        assert matches(DIRECT, [DIRECT])
        assert not matches(DIRECT, ["discord:111/*"])

    def test_takes_every_other_sign_as_it_stands(self):
        assert not matches(ROOM, ["slack.T1/channel/C2"])
        assert not matches(ROOM, ["slack:T?/channel/C[2]"])

    def test_is_one_of_several(self):
        assert matches(ROOM, ["discord:*", "slack:T1/*"])
        assert not matches(ROOM, [])
        assert matches(ROOM, EVERYWHERE)


class TestTheMostSpecific:
    def test_is_the_one_that_spells_out_most(self):
        assert most_specific(ROOM, ["*", "slack:*", ROOM, "slack:T1/*"]) == ROOM
        assert most_specific(ROOM, ["*", "slack:T1/*", "discord:*"]) == "slack:T1/*"

    def test_is_the_first_of_equals(self):
        assert most_specific(ROOM, ["slack:T1/*/C2", "slack:T1*/C2"]) == "slack:T1/*/C2"
        assert most_specific(ROOM, ["*:T1*", "*T1:*", "*/C2*"]) == "*:T1*"

    def test_is_nothing_where_nothing_fits(self):
        assert most_specific(ROOM, ["discord:*"]) is None
