"""Checks of what the Slack app is allowed, and whether it can be reached.

A bot token cannot see which events and commands the app has; the manifest is the way to set them.
"""

from typing import TYPE_CHECKING, Any

from bots.doctor.check import Check, least_privilege, unreachable
from bots.settings import Settings, reveal

if TYPE_CHECKING:
    from slack_sdk.errors import SlackApiError
    from slack_sdk.web.async_client import AsyncWebClient

_OK = 200
_SECONDS = 10


async def slack_checks(settings: Settings) -> list[Check]:
    """Tokens, scopes and Socket Mode."""
    from slack_sdk.web.async_client import AsyncWebClient

    base = settings.env.slack_api_base_url or AsyncWebClient.BASE_URL
    bot = AsyncWebClient(reveal(settings.env.slack_bot_token), base, timeout=_SECONDS)
    answer, problem = await _call(bot, "auth.test", "SLACK_BOT_TOKEN")
    if problem:
        return [problem]
    checks = [
        Check(name="slack", state="ok", detail=f"{answer.get('user')} in {answer.get('team')}"),
        *_scopes(answer.get("scopes", "")),
    ]
    if token := reveal(settings.env.slack_app_token):
        app = AsyncWebClient(token, base, timeout=_SECONDS)
        _, problem = await _call(app, "apps.connections.open", "SLACK_APP_TOKEN")
        checks.append(problem or Check(name="slack socket mode", state="ok", detail="can connect"))
    return checks


async def _call(
    client: "AsyncWebClient", method: str, variable: str
) -> tuple[dict[str, Any], Check | None]:
    """What Slack says, with the scopes of the token; or why it says nothing of use."""
    from aiohttp import ClientError
    from slack_sdk.errors import SlackApiError

    name = "slack" if variable == "SLACK_BOT_TOKEN" else "slack socket mode"
    try:
        answer = await client.api_call(method)
    except SlackApiError as error:
        return {}, _refusal(name, variable, error)
    except (ClientError, TimeoutError, OSError):
        return {}, unreachable(name)
    scopes = {key.lower(): value for key, value in answer.headers.items()}.get("x-oauth-scopes")
    return {"user": answer.get("user"), "team": answer.get("team"), "scopes": scopes or ""}, None


def _refusal(name: str, variable: str, error: "SlackApiError") -> Check:
    if error.response.status_code != _OK:
        return unreachable(name, error.response.status_code)
    fix = f"Copy {variable} from the app's settings (scope connections:write for the app token)."
    return Check(name=name, state="failed", detail=f"Slack says {error.response['error']}", fix=fix)


def _scopes(header: str) -> list[Check]:
    from bots.slack_bot.manifest import needed_scopes

    needed = needed_scopes()
    granted = {scope.strip() for scope in header.split(",")} - {""}
    missing = sorted(needed - granted)
    if not granted:
        return []
    score = least_privilege("slack scopes", needed, granted)
    if not missing:
        return [score]
    fix = "Paste what `membot slack-manifest` prints, then install the app to the workspace again."
    detail = f"missing: {', '.join(missing)}"
    return [Check(name="slack scopes", state="failed", detail=detail, fix=fix), score]
