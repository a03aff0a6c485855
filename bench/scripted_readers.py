"""Scripted policies that use memory as a careful model would: they see results and nothing else.

What they find shows that tools, search and paging suffice; what a real model makes of them is
another figure.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from engine.chat_model import ModelReply, ModelRequest
from engine.errors import ModelUnavailable
from engine.testing import call

_DECODER: Final = json.JSONDecoder()
_EVENTS: Final = ("user_message", "login", "summary_of_earlier_messages")
_PAGE: Final = re.compile(r"\(page (\d+)/(\d+)\)")


class Seen:
    """What a policy has before it: what is in sight, and what it has searched for since the event.

    Args:
        request: As the engine built it.
    """

    def __init__(self, request: ModelRequest) -> None:
        self.event = ""
        self.can_search = any("search" in tool.name for tool in request.tools)
        self.lines: list[str] = []
        self.searches: list[tuple[dict[str, Any], str]] = []
        asked: dict[str, dict[str, Any]] = {}
        for entry in map(json.loads, request.messages):
            if entry["role"] == "assistant":
                asked = {it["id"]: it["function"] for it in entry.get("tool_calls", ())}
            elif entry["role"] == "tool":
                arguments = json.loads(asked[entry["tool_call_id"]]["arguments"])
                self.searches.append((arguments, json.loads(entry["content"])["message"]))
            else:
                self._look_at_event(json.loads(entry["content"]))
                self.lines.append(self.event)

    def _look_at_event(self, envelope: dict[str, Any]) -> None:
        if envelope["type"] in _EVENTS:
            self.event = envelope.get("message", "")
            self.searches.clear()

    def pages(self, query: str) -> list[str]:
        """The results of a query so far, page by page."""
        return [found for arguments, found in self.searches if arguments.get("query") == query]

    def next_page(self, query: str) -> int | None:
        """The page to look at next, or None when there is none; earlier ones may have left."""
        pages = self.pages(query)
        if not pages:
            return 0
        place = _PAGE.search(pages[-1])
        return int(place[1]) + 1 if place and int(place[1]) < int(place[2]) else None

    def hits(self, query: str) -> list[dict[str, Any]]:
        """Every hit of a query that is in sight and whole, in the order of the pages."""
        return [hit for page in self.pages(query) for hit in _hits(page)]


def _hits(page: str) -> Iterator[dict[str, Any]]:
    """The hits of a page up to the one where it is cut."""
    _, _, rest = page.partition(": [")
    while rest.startswith("{"):
        try:
            hit, end = _DECODER.raw_decode(rest)
        except ValueError:
            return
        yield hit
        rest = rest[end:].removeprefix(", ")


class Policy:
    """A ChatModel that decides from what it sees; summaries are left to the engine's own."""

    name = "scripted"
    is_demonstration = False
    tools_as_text = False

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Decide.

        Raises:
            ModelUnavailable: For summaries and memory work.
        """
        if request.purpose != "turn":
            raise ModelUnavailable
        return self.decide(Seen(request))

    def decide(self, seen: Seen) -> ModelReply:
        """What it calls next."""
        raise NotImplementedError

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to close."""


def search(tool: str, query: str, page: int) -> ModelReply:
    """One page of a query, with a heartbeat."""
    return call(tool, query=query, page=page, request_heartbeat=True)
