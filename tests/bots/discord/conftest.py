"""A running adapter inside simcord: Discord's REST and gateway, in this process."""

import discord
import pytest

from bots.discord_bot.client import MembotClient
from tests.bots.discord.doubles import Clock, RecordingInbox, RecordingRunner, make_adapter


@pytest.fixture
def inbox():
    return RecordingInbox()


@pytest.fixture
def runner():
    return RecordingRunner()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def adapter(inbox, runner, clock):
    return make_adapter(inbox, runner, now=clock)


@pytest.fixture
def message_content():
    """Whether the developer portal grants that intent."""
    return True


@pytest.fixture
def simcord_bot(adapter, message_content, monkeypatch):
    flags = discord.ApplicationFlags(gateway_message_content_limited=message_content)
    monkeypatch.setattr(MembotClient, "application_flags", flags)
    return adapter.new_client()


@pytest.fixture
def guild(simcord_env):
    return simcord_env.create_guild()


@pytest.fixture
def general(guild):
    return guild.create_text_channel("general")


@pytest.fixture
def ada(simcord_env, guild):
    return guild.add_member(simcord_env.create_user("ada", global_name="Ada"))


@pytest.fixture
def bob(simcord_env, guild):
    return guild.add_member(simcord_env.create_user("bob", global_name="Bob"))


@pytest.fixture
def me(simcord_env):
    return f"<@{simcord_env.bot.user.id}>"
