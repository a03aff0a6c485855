"""Links to source messages: only to those of the place where the link is shown; pure."""

import pytest

from bots.adapter import CommandRequest
from bots.own_memory import link as shown_link
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


class TestALineOfMemory:
    """What is shown of core memory has its own rule: whoever asks has to be able to open it."""

    SOURCE = "slack:T1/C1/1700000000.000001"

    @pytest.mark.parametrize(
        ("where", "opens"),
        [
            (Origin(platform="slack", team="T1", user="U9", room="C1"), True),
            (Origin(platform="slack", team="T1", user="U9", room="C2"), False),
            (Origin(platform="slack", team="T1", user="U9"), True),
        ],
    )
    def test_is_linked_in_its_channel_and_in_ones_own_direct_messages(self, where, opens):
        scope = scope_of(where)
        request = CommandRequest(
            command="memory show", scope=scope, actor="slack:T1/U9", actor_name="Eve", site=SITE
        )
        assert (shown_link(request, self.SOURCE) is not None) == opens
