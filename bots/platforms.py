"""The adapters of the chat platforms whose tokens are set."""

from typing import TYPE_CHECKING

from bots.adapter import Adapter, AdapterPorts
from bots.command_table import COMMANDS
from bots.process import utc_now
from bots.settings import Settings, reveal

if TYPE_CHECKING:
    from bots.app import Engine


def build_adapters(settings: Settings, engine: "Engine") -> list[Adapter]:
    """The adapters whose tokens are set."""
    ports = AdapterPorts(
        inbox=engine.inbox,
        commands=engine.commands,
        command_table=COMMANDS,
        now=utc_now,
        places=engine.places,
        threads=engine.store,
    )
    adapters: list[Adapter] = []
    if settings.discord:
        adapters.append(_discord(settings, ports))
    if settings.slack:
        adapters.append(_slack(settings, ports))
    return adapters


def _discord(settings: Settings, ports: AdapterPorts) -> Adapter:
    from bots.discord_bot.adapter import DiscordAdapter

    return DiscordAdapter(
        token=reveal(settings.env.discord_token) or "",
        ports=ports,
        api_base_url=settings.env.discord_api_base_url,
        gateway_url=settings.env.discord_gateway_url,
        development_server=settings.file.discord.development_server,
    )


def _slack(settings: Settings, ports: AdapterPorts) -> Adapter:
    from bots.slack_bot.adapter import SlackAdapter

    return SlackAdapter(
        bot_token=reveal(settings.env.slack_bot_token) or "",
        ports=ports,
        app_token=reveal(settings.env.slack_app_token),
        signing_secret=reveal(settings.env.slack_signing_secret),
        api_base_url=settings.env.slack_api_base_url,
    )
