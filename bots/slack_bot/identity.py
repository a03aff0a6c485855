"""Who the bot is in its workspace, and what to say when Slack does not know it."""

from dataclasses import dataclass

from bots.slack_bot.calls import SlackCalls, SlackRefused
from engine.errors import BadSettings, DeliveryDelayed, OperatorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The bot's own ids, as ``auth.test`` tells them."""

    team: str
    user: str
    bot: str


async def identify(calls: SlackCalls) -> Identity:
    """Ask Slack who the bot token belongs to.

    Raises:
        BadSettings: Slack does not accept the token.
        OperatorError: Slack cannot be reached.
    """
    try:
        answer = await calls.post("auth.test", {})
    except SlackRefused as error:
        raise BadSettings(
            f"Slack does not accept SLACK_BOT_TOKEN ({error.code}): copy the Bot User OAuth Token,"
            " which starts with xoxb-, from the app's page OAuth & Permissions."
        ) from error
    except DeliveryDelayed as error:
        raise OperatorError(error.sentence) from error
    calls.site = str(answer.get("url") or "")
    return Identity(
        team=str(answer.get("team_id", "")),
        user=str(answer.get("user_id", "")),
        bot=str(answer.get("bot_id", "")),
    )


async def socket_address(calls: SlackCalls, app_token: str) -> str:
    """Ask Slack for a WebSocket.

    Raises:
        BadSettings: Slack does not accept the app-level token.
        OperatorError: Slack cannot be reached.
    """
    try:
        return await calls.open_socket(app_token)
    except SlackRefused as error:
        raise BadSettings(
            f"Slack does not accept SLACK_APP_TOKEN ({error.code}): create an app-level token,"
            " which starts with xapp-, with the scope connections:write, and switch Socket Mode on."
        ) from error
    except DeliveryDelayed as error:
        raise OperatorError(error.sentence) from error
