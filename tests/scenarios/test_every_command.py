"""What each command answers on Discord and Slack: the whole product, over their wires."""

import pytest

from bench.platforms import membot_run
from bots.command_table import COMMANDS
from bots.typed_commands import parse
from tests.bots.processes import membot
from tests.fixtures.discord_server import BOT_ID, DiscordServer
from tests.fixtures.model_server import ModelServer, tool_calls
from tests.fixtures.slack_server import BOT_USER, SlackServer

IN_DIRECT_MESSAGES = (
    ("memory show cello", "Plays the cello."),
    ("memory search cello", "cello"),
    ("memory edit cello Plays the viola.", "It says now: Plays the viola."),
    ("memory undo", "Taken back"),
    ("memory pin cello", "Pinned: Plays the cello."),
    ("memory history cello", "memory pin"),
    ("memory restore 2099-01-01", "I had in mind"),
    ("memory card Deaf in one ear.", "everybody there can ask me for it"),
    ("memory link", "code"),
    ("memory unlink", "You share your memory with no other identity."),
    ("memory export", "2 blocks"),
    ("memory forget cello", "I will forget this"),
    ("memory forget-me", "everything"),
    ("memory pause", "resume"),
    ("memory resume", "again"),
    ("memory off-the-record", "on-the-record"),
    ("memory on-the-record", "again"),
    ("retry", "nothing to try again"),
    ("status", "Memory pressure: none"),
    ("stop", "Nothing"),
    ("new", "Memory is kept"),
    ("help", "memory show"),
)
IN_ROOMS = (
    ("agent mode mention", "mention"),
    ("agent map team", "team"),
    ("agent persona A gardener.", "that is who I am here"),
    ("agent block rules Be brief.", "rules"),
    ("agent export", "Here it is"),
)

# What test_memory_transcript types at the terminal is not typed there again.
UNTYPED = tuple(f"memory {word}" for word in ("search", "export", "resume", "link", "unlink"))
UNTYPED += ("stop", "help")


@pytest.fixture
async def discord():
    async with DiscordServer() as server:
        yield server


@pytest.fixture
async def slack():
    async with SlackServer() as server:
        yield server


@pytest.fixture
async def product(tmp_path, discord, slack):
    async with ModelServer() as model:
        told = {"label": "human", "content": "Plays the cello.", "request_heartbeat": False}
        calls = ("core_memory_append", told), ("send_message", {"message": "Noted."})
        model.script(*[tool_calls(*calls)] * 2)
        admins = {"MEMBOT_ADMINS": "discord:100/7,slack:T1/U1"}
        settings = {"OPENAI_BASE_URL": model.url} | admins
        async with membot_run(tmp_path, discord, slack, **settings):
            yield


def options_of(typed):
    """A command as Discord sends it: words nested, options by name."""
    parsed = parse(typed, COMMANDS)
    given = [{"type": 3, "name": name, "value": text} for name, text in parsed.arguments.items()]
    first, *rest = parsed.spec.words.split()
    inner = [{"type": 1, "name": rest[0], "options": given}] if rest else given
    return {"id": "1", "name": first, "type": 1, "options": inner}


async def on_discord(server, asking):
    token = f"/interaction-{await asking}"

    def answers():
        routes = (one for one in server.arrivals if one.route.endswith(token))
        return "".join(str(one.body["content"]) for one in routes)

    await server.until(answers)
    return answers()


async def on_slack(server, typed, **place):
    before = len(server.responses)
    await server.push("slash_commands", server.slash(typed, **place))
    await server.until(lambda: len(server.responses) > before)
    return server.responses[-1]["text"]


@pytest.mark.behaviour("command.memory-show", "discord")
@pytest.mark.behaviour("command.memory-search", "discord")
@pytest.mark.behaviour("command.memory-forget", "discord")
@pytest.mark.behaviour("command.memory-edit", "discord")
@pytest.mark.behaviour("command.memory-pin", "discord")
@pytest.mark.behaviour("command.memory-undo", "discord")
@pytest.mark.behaviour("command.memory-history", "discord")
@pytest.mark.behaviour("command.memory-restore", "discord")
@pytest.mark.behaviour("command.memory-export", "discord")
@pytest.mark.behaviour("command.memory-pause", "discord")
@pytest.mark.behaviour("command.memory-resume", "discord")
@pytest.mark.behaviour("command.memory-off-the-record", "discord")
@pytest.mark.behaviour("command.memory-card", "discord")
@pytest.mark.behaviour("command.memory-link", "discord")
@pytest.mark.behaviour("command.memory-unlink", "discord")
@pytest.mark.behaviour("command.memory-forget-me", "discord")
@pytest.mark.behaviour("command.new", "discord")
@pytest.mark.behaviour("command.status", "discord")
@pytest.mark.behaviour("command.stop", "discord")
@pytest.mark.behaviour("command.help", "discord")
@pytest.mark.behaviour("command.retry", "discord")
@pytest.mark.behaviour("command.agent-mode", "discord")
@pytest.mark.behaviour("command.agent-map", "discord")
@pytest.mark.behaviour("command.agent-persona", "discord")
@pytest.mark.behaviour("command.agent-block", "discord")
@pytest.mark.behaviour("command.agent-export", "discord")
async def test_on_discord(product, discord):
    discord.write_at(1_790_000_000)
    await discord.say_directly("I play the cello.")
    await discord.until(lambda: discord.sent("557"))
    for typed, expected in IN_DIRECT_MESSAGES:
        assert expected in await on_discord(discord, discord.interact_directly(options_of(typed)))
    await discord.say(f"<@{BOT_ID}> Tea is at four.")
    await discord.until(discord.sent)
    for typed, expected in IN_ROOMS:
        assert expected in await on_discord(discord, discord.interact(2, options_of(typed)))


@pytest.mark.behaviour("command.memory-show", "slack")
@pytest.mark.behaviour("command.memory-search", "slack")
@pytest.mark.behaviour("command.memory-forget", "slack")
@pytest.mark.behaviour("command.memory-edit", "slack")
@pytest.mark.behaviour("command.memory-pin", "slack")
@pytest.mark.behaviour("command.memory-undo", "slack")
@pytest.mark.behaviour("command.memory-history", "slack")
@pytest.mark.behaviour("command.memory-restore", "slack")
@pytest.mark.behaviour("command.memory-export", "slack")
@pytest.mark.behaviour("command.memory-pause", "slack")
@pytest.mark.behaviour("command.memory-resume", "slack")
@pytest.mark.behaviour("command.memory-off-the-record", "slack")
@pytest.mark.behaviour("command.memory-card", "slack")
@pytest.mark.behaviour("command.memory-link", "slack")
@pytest.mark.behaviour("command.memory-unlink", "slack")
@pytest.mark.behaviour("command.memory-forget-me", "slack")
@pytest.mark.behaviour("command.new", "slack")
@pytest.mark.behaviour("command.status", "slack")
@pytest.mark.behaviour("command.stop", "slack")
@pytest.mark.behaviour("command.help", "slack")
@pytest.mark.behaviour("command.retry", "slack")
@pytest.mark.behaviour("command.agent-mode", "slack")
@pytest.mark.behaviour("command.agent-map", "slack")
@pytest.mark.behaviour("command.agent-persona", "slack")
@pytest.mark.behaviour("command.agent-block", "slack")
@pytest.mark.behaviour("command.agent-export", "slack")
async def test_on_slack(product, slack):
    slack.epoch = 1_790_000_000
    await slack.push("events_api", slack.event(slack.message("I play the cello.")))
    await slack.until(lambda: slack.posted, seconds=30)
    for typed, expected in IN_DIRECT_MESSAGES:
        assert expected in await on_slack(slack, typed, channel_id="D1")
    mention = slack.message(f"<@{BOT_USER}> Tea is at four.", channel="C1", channel_type="channel")
    await slack.push("events_api", slack.event(mention))
    await slack.until(lambda: slack.posted[-1]["channel"] == "C1", seconds=30)
    for typed, expected in IN_ROOMS:
        assert expected in await on_slack(slack, typed)


@pytest.mark.behaviour("command.memory-search", "terminal")
@pytest.mark.behaviour("command.memory-export", "terminal")
@pytest.mark.behaviour("command.memory-resume", "terminal")
@pytest.mark.behaviour("command.memory-link", "terminal")
@pytest.mark.behaviour("command.memory-unlink", "terminal")
@pytest.mark.behaviour("command.stop", "terminal")
@pytest.mark.behaviour("command.help", "terminal")
@pytest.mark.behaviour("command.agent-export", "terminal")
@pytest.mark.behaviour("command.agent-mode", "terminal")
@pytest.mark.behaviour("command.agent-map", "terminal")
@pytest.mark.behaviour("command.agent-persona", "terminal")
@pytest.mark.behaviour("command.agent-block", "terminal")
async def test_in_the_terminal(tmp_path):
    alone = [
        (typed, expected) for typed, expected in IN_DIRECT_MESSAGES if typed.startswith(UNTYPED)
    ]
    for place, cases in (("--user", alone), ("--channel", IN_ROOMS)):
        typed = "".join(f"/{typed}\n" for typed, _ in cases)
        named = "ada" if place == "--user" else "tea"
        admins = {"MEMBOT_ADMINS": "console:local/ada"}
        said = "I play the cello.\n" if place == "--user" else "ada: Tea is at four.\n"
        ended = await membot(tmp_path, "chat", place, named, text=said + typed, **admins)
        for command, expected in cases:
            assert expected in ended.out, command
