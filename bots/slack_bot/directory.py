"""Names of people and places, and who is an admin, asked of Slack and kept for a while.

A name that cannot be had in time is replaced by an id: no message waits for it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bots.places import Places
from bots.routing import Origin, clean_name
from bots.slack_bot.calls import SlackCalls, within
from bots.slack_bot.recent import Recent
from bots.slack_bot.render import display_name
from bots.texts import SOURCE
from engine.errors import DeliveryError

_KEPT = 2_000
_NAME_LIFE = timedelta(minutes=10)
_ADMIN_LIFE = timedelta(minutes=1)
_FAILURE_LIFE = timedelta(seconds=30)
_PATIENCE_SECONDS = 1.0  # the event must be stored and acknowledged within three
_MOST_NAMES = 20
# https://docs.slack.dev/reference/objects/user-object
_GUEST_MARKS = ("is_restricted", "is_ultra_restricted", "is_stranger")
# https://docs.slack.dev/reference/objects/conversation-object
_OUTSIDE_MARKS = ("is_ext_shared", "is_pending_ext_shared")
_FEW_MARKS = ("is_private", "is_mpim", "is_im", "is_shared", "is_org_shared", *_OUTSIDE_MARKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    name: str
    admin: bool
    guest: bool
    teams: frozenset[str]
    timezone: str | None
    locale: str
    known: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    name: str
    confined: bool
    outside: bool
    known: bool
    at: datetime


class Directory:
    """Cached ``users.info`` and ``conversations.info``."""

    def __init__(self, calls: SlackCalls, now: Callable[[], datetime]) -> None:
        self._calls = calls
        self._now = now
        self._people: Recent[str, _Person] = Recent(_KEPT)
        self._rooms: Recent[str, _Room] = Recent(_KEPT)

    async def name(self, user: str) -> str:
        """A person's display name as data, or the id."""
        return (await self._person(user, _NAME_LIFE)).name

    async def names(self, users: Iterable[str]) -> dict[str, str]:
        """Display names by id."""
        wanted = list(users)[:_MOST_NAMES]
        return dict(zip(wanted, await asyncio.gather(*map(self.name, wanted)), strict=True))

    async def timezone(self, user: str) -> str | None:
        """IANA name of a person's time zone, where Slack knows it."""
        return (await self._person(user, _NAME_LIFE)).timezone

    async def locale(self, user: str) -> str:
        """A person's language setting, e.g. ``de-DE``; English where Slack does not know it."""
        return (await self._person(user, _NAME_LIFE)).locale

    async def is_admin(self, user: str, team: str) -> bool:
        """Whether a person is an admin or owner of this workspace, not of theirs; in doubt, no."""
        person = await self._person(user, _ADMIN_LIFE)
        return person.admin and team in (person.teams or {team})

    async def is_guest(self, user: str) -> bool:
        """Whether the person is no full member of the workspace; in doubt, yes."""
        return (await self._person(user, _NAME_LIFE)).guest

    async def room_name(self, channel: str) -> str:
        """``#general``, or the id."""
        return (await self._room(channel)).name

    async def is_outside(self, channel: str) -> bool:
        """Whether people of other organisations may be in a channel; in doubt, yes."""
        return (await self._room(channel)).outside

    async def located(self, origin: Origin, places: Places) -> Origin:
        """An origin with whether its room is confined, where that decides whose memory it has."""
        if origin.room is None or places.rules_for(origin).mapping != "single":
            return origin
        room = await self._room(origin.room)
        return replace(origin, confined=origin.confined or room.confined)

    async def _room(self, channel: str) -> _Room:
        room = self._rooms.get(channel)
        if room is None or self._now() - room.at > (_NAME_LIFE if room.known else _FAILURE_LIFE):
            room = await self._read_room(channel)
            self._rooms.put(channel, room)
        return room

    async def _person(self, user: str, life: timedelta) -> _Person:
        person = self._people.get(user)
        if person is None or self._now() - person.at > (life if person.known else _FAILURE_LIFE):
            person = await self._read_person(user, person)
            self._people.put(user, person)
        return person

    async def _read_person(self, user: str, before: _Person | None) -> _Person:
        at = self._now()
        try:
            answer = await self._ask("users.info", {"user": user, "include_locale": "true"})
        except DeliveryError:
            name = before.name if before else clean_name(user)
            zone = before.timezone if before else None
            locale = before.locale if before else SOURCE
            guest = before.guest if before else True
            teams = before.teams if before else frozenset[str]()
            return _Person(
                name=name,
                admin=False,
                guest=guest,
                teams=teams,
                timezone=zone,
                locale=locale,
                known=False,
                at=at,
            )
        record = answer.get("user") or {}
        admin = bool(record.get("is_admin") or record.get("is_owner"))
        return _Person(
            name=display_name(record) or clean_name(user),
            admin=admin,
            guest=any(record.get(mark) for mark in _GUEST_MARKS),
            teams=_teams_of(record),
            timezone=record.get("tz") or None,
            locale=str(record.get("locale") or SOURCE),
            known=True,
            at=at,
        )

    async def _read_room(self, channel: str) -> _Room:
        at = self._now()
        try:
            answer = await self._ask("conversations.info", {"channel": channel})
        except DeliveryError:
            return _Room(name=channel, confined=True, outside=True, known=False, at=at)
        record = answer.get("channel") or {}
        name = record.get("name")
        return _Room(
            name=f"#{clean_name(name)}" if name else channel,
            confined=record.get("is_private") is None or any(map(record.get, _FEW_MARKS)),
            outside=any(map(record.get, _OUTSIDE_MARKS)),
            known=True,
            at=at,
        )

    async def _ask(self, method: str, params: dict[str, str]) -> dict[str, Any]:
        return await within(_PATIENCE_SECONDS, self._calls.read(method, params))


def _teams_of(record: Mapping[str, Any]) -> frozenset[str]:
    """The workspaces whose member somebody is, several in an Enterprise organisation."""
    several = (record.get("enterprise_user") or {}).get("teams") or ()
    return frozenset(filter(None, (record.get("team_id"), *several)))
