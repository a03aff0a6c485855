"""The web listener: is it alive, is it ready, what has it done; and Slack's HTTP mode, mounted.

Beyond loopback only a bearer token opens what is not meant for everybody.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from aiohttp import web

from bots.adapter import Adapter
from bots.settings import WebAddress
from engine.errors import BadSettings, MembotError, OperatorError
from engine.store import TurnStore

log = logging.getLogger(__name__)
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/slack/events"})
_STATUS_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>membot</title>"
    "<h1>membot is running</h1><p>The memory inspector is not built yet. "
    "See <a href=/readyz>/readyz</a> and <a href=/metrics>/metrics</a>.</p></html>"
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LARGEST_BODY_BYTES = 2 * 1024 * 1024
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@runtime_checkable
class Mountable(Protocol):
    """An adapter that can receive its events by HTTP."""

    def mount(self, application: web.Application) -> None:
        """Add its routes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """What the listener reports on.

    Attributes:
        metrics: Prometheus text.
        token: What a bearer must show beyond loopback.
        mounts: Each adds routes of an adapter that receives its events by HTTP.
    """

    store: TurnStore
    adapters: tuple[Adapter, ...]
    metrics: Callable[[], bytes]
    token: str | None = None
    mounts: tuple[Callable[[web.Application], None], ...] = ()


class WebListener:
    """Serves one address until closed.

    Raises:
        BadSettings: Others could reach it, and there is no token.
    """

    def __init__(self, address: WebAddress, parts: WebParts) -> None:
        if not address.loopback and not parts.token:
            raise BadSettings("MEMBOT_WEB_LISTEN beyond loopback needs MEMBOT_WEB_TOKEN.")
        self._address = address
        self._parts = parts
        self._runner = web.AppRunner(self._application(), access_log=None)

    async def start(self) -> None:
        """Listen.

        Raises:
            OperatorError: The address is taken or not ours.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address.host, self._address.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise OperatorError(
                f"MEMBOT_WEB_LISTEN {self._address.host}:{self._address.port} cannot be used "
                f"({error.strerror}); name another address, or off."
            ) from error

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(
            middlewares=[self._guard], client_max_size=_LARGEST_BODY_BYTES
        )
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/", self._index)
        for mount in self._parts.mounts:
            mount(application)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not self._allowed(request):
            headers = {"WWW-Authenticate": "Bearer", **_HEADERS}
            return web.Response(status=401, text="a bearer token is needed", headers=headers)
        response = await handler(request)
        response.headers.update(_HEADERS)
        return response

    def _allowed(self, request: web.Request) -> bool:
        if self._address.loopback or request.path in OPEN_PATHS:
            return True
        given = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {self._parts.token}".encode())

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        problems = await self._problems()
        if problems:
            return web.json_response({"status": "not ready", "problems": problems}, status=503)
        return web.json_response({"status": "ready"})

    async def _problems(self) -> list[str]:
        problems = [
            f"{adapter.platform} is not connected"
            for adapter in self._parts.adapters
            if not adapter.connected
        ]
        try:
            await self._parts.store.agents_with_turns()
        except MembotError as error:
            problems.append(error.sentence)
        return problems

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self._parts.metrics(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text=_STATUS_PAGE, content_type="text/html")
