"""Links to source messages: only to those of the place where the link is shown; pure."""

import pytest

from bots.permalinks import permalink
from bots.routing import Origin, scope_of

SITE = "https://team.slack.com/"


def scope(platform="discord", room="5", thread=None, team="111"):
    return scope_of(Origin(platform=platform, team=team, user="9", room=room, thread=thread))


class TestPermalink:
    @pytest.mark.parametrize(
        ("where", "key", "link"),
        [
            (scope(), "discord:5/77", "https://discord.com/channels/111/5/77"),
            (scope(room=None, team="*"), "discord:5/77", "https://discord.com/channels/@me/5/77"),
            (
                scope("slack", "5", team="T1"),
                "slack:T1/5/1700000000.000100",
                "https://team.slack.com/archives/5/p1700000000000100",
            ),
        ],
    )
    def test_a_message_of_the_place_is_linked(self, where, key, link):
        assert permalink(where, key, {"5"}, SITE) == link

    @pytest.mark.parametrize(
        ("where", "key", "site"),
        [
            (scope(), "discord:6/77", ""),
            (scope(), "slack:T1/5/1.2", SITE),
            (scope(), "discord:111/5/77", ""),
            (scope(), "console:5/01J", ""),
            (scope(), None, ""),
            (scope(), "letta", ""),
            (scope("slack", team="T1"), "slack:T2/5/1.2", SITE),
            (scope("slack", team="T1"), "slack:T1/6/1.2", SITE),
            (scope("slack", team="T1"), "slack:T1/5/1.2", ""),
        ],
    )
    @pytest.mark.behaviour("receipt.source-links", "discord", "slack")
    def test_one_of_another_channel_team_or_platform_is_not(self, where, key, site):
        assert permalink(where, key, {"5"}, site) is None
