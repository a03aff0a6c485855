"""The app's manifest, which says what the bot needs of Slack; package data."""

import json
from importlib.resources import files
from typing import Any


def manifest(url: str | None = None) -> dict[str, Any]:
    """What to paste when the app is made.

    Args:
        url: Where Slack reaches the web listener, for HTTP mode; None for Socket Mode.

    Source: docs.slack.dev/reference/app-manifest.
    """
    text = files("bots.slack_bot").joinpath("slack-manifest.json").read_text(encoding="utf-8")
    made: dict[str, Any] = json.loads(text)
    if url:
        address = f"{url.rstrip('/')}/slack/events"
        settings = made["settings"]
        settings["socket_mode_enabled"] = False
        settings["event_subscriptions"]["request_url"] = address
        settings["interactivity"]["request_url"] = address
        for command in made["features"]["slash_commands"]:
            command["url"] = address
    return made


def needed_scopes() -> frozenset[str]:
    """The scopes of the bot token that every part of the bot together needs."""
    return frozenset(manifest()["oauth_config"]["scopes"]["bot"])
