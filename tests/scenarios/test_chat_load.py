"""Many people at once, on both platforms; the long run is ``python -m bench.chat_load``."""

import pytest

from bench.chat_load import DiscordCrowd, Said, SlackCrowd, measure
from tests.fixtures.discord_server import DiscordServer
from tests.fixtures.limits import DISCORD, Arrival, Limit
from tests.fixtures.slack_server import SlackServer

MODEL_SECONDS = 1.5


@pytest.mark.behaviour("together.prompt", "discord", "slack")
@pytest.mark.behaviour("together.limits", "discord", "slack")
async def test_a_crowd_is_heard_before_the_model_answers_and_no_limit_is_exceeded():
    lines = await measure(people=8, seconds=3, model_seconds=MODEL_SECONDS, each=1.5)
    signs = [line for line in lines if "first sign" in line["what"]]
    assert len(signs) == 2
    for line in signs:
        median, _ = (float(part.split()[0]) for part in line["counted"].split(", "))
        assert median < MODEL_SECONDS
    assert [line for line in lines if line not in signs and not line["kept"]] == []


def at(seconds, route, channel="200", **body):
    return Arrival(at=seconds, route=route, channel=channel, body=body)


class TestCounting:
    def test_is_of_the_worst_stretch_wherever_it_begins(self):
        limit = Limit(name="x", routes="a", most=1, seconds=1, by_channel=True)
        times = [at(0.0, "a"), at(0.9, "a"), at(1.1, "a"), at(1.2, "a", "201"), at(1.3, "b")]
        assert limit.used(times) == 2

    def test_leaves_answers_to_commands_out_of_what_discord_counts(self):
        counted = [at(0.0, "POST /interactions/1/t/callback"), at(0.0, "POST /channels/2/typing")]
        assert DISCORD[0].used(counted) == 1


class TestSigns:
    def on_discord(self, *arrivals):
        server = DiscordServer()
        server.arrivals += arrivals
        said = Said(at=10.0, channel="200", message="5")
        return min(DiscordCrowd(server, 5).signs(said), default=None)

    def test_a_sign_that_is_shown_already_is_one(self):
        assert self.on_discord(at(8.0, "POST /channels/200/typing")) == 10.0

    def test_a_message_of_the_bot_ends_it(self):
        typing, reply = "POST /channels/200/typing", "POST /channels/200/messages"
        assert self.on_discord(at(8.0, typing), at(9.0, reply)) is None
        assert self.on_discord(at(8.0, typing), at(9.0, reply), at(10.5, typing)) == 10.5

    def test_one_of_another_place_is_none(self):
        assert self.on_discord(at(10.5, "POST /channels/201/typing", "201")) is None

    def test_on_slack_it_names_the_message(self):
        server = SlackServer()
        server.arrivals += [
            at(10.1, "agents.sessions.setStatus", "C1", thread_ts="4"),
            at(10.2, "agents.sessions.setStatus", "C1", thread_ts="5"),
        ]
        said = Said(at=10.0, channel="C1", message="5")
        assert list(SlackCrowd(server, 5).signs(said)) == [10.2]
