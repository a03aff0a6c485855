"""Discord's limit on all requests of a bot, which discord.py leaves to us.

The limits of single routes are the library's own business: it reads them from the answers.
"""

from types import SimpleNamespace

import aiohttp

from bots.pacing import Allowance

# 50 a second; source: docs.discord.com/developers/topics/rate-limits. In small portions below that,
# since what leaves in two seconds may arrive in one.
_MOST, _SECONDS = 10, 0.25
_APART = ("/interactions/", "/webhooks/")  # answers to commands and buttons are not counted


def paced_requests() -> aiohttp.TraceConfig:
    """What discord.py calls before each request; it waits until the request may go."""
    allowance = Allowance(_MOST, _SECONDS)

    async def wait(
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        request: aiohttp.TraceRequestStartParams,
    ) -> None:
        del session, context
        if not any(part in request.url.path for part in _APART):
            await allowance.take()

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(wait)
    return trace
