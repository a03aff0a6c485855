"""Slack's export of a workspace: a zip with lists of people and rooms and a folder for each room.

Source: https://slack.com/help/articles/220556107-How-to-read-Slack-data-exports
"""

import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bots.imports.export import Export
from bots.imports.reading import Metered, json_items, moment, objects, open_zip, words
from bots.routing import Origin, clean_name, principal_key, scope_of
from bots.slack_bot.address import source_key
from bots.slack_bot.render import display_name, readable
from engine.errors import ArchiveRefused, BadRequest
from engine.imports import PastMessage, Portion

_PEOPLE = ("users.json", "org_users.json")
_ROOMS = ("channels.json", "groups.json", "mpims.json")
_DIRECT = "dms.json"
_GROUP_MESSAGES = "mpims.json"
_DAY = re.compile(r"\d{4}-\d\d-\d\d[^/]*\.json")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_TIME = re.compile(r"\d{1,12}(\.\d{1,9})?")
_SPOKEN = {"", "file_share", "thread_broadcast", "me_message"}
_TEAM = re.compile(r"slack:[A-Za-z0-9]+")
_DAYS_ASKED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    id: str
    place_name: str
    days: tuple[zipfile.ZipInfo, ...]


def is_slack_export(archive: zipfile.ZipFile) -> bool:
    """Whether a zip has the lists that Slack's exports have."""
    return _folder(archive) is not None


def _folder(archive: zipfile.ZipFile) -> str | None:
    """Where the lists stand: at the top, or in the one folder somebody packed anew."""
    for name in archive.namelist():
        folder, _, file = name.rpartition("/")
        if file in (*_ROOMS, *_PEOPLE) and "/" not in folder and folder != "__MACOSX":
            return f"{folder}/" if folder else ""
    return None


class SlackExport(Export):
    """Channels become rooms' agents, their threads are kept apart; direct messages stay out."""

    title = "Slack export"

    def portions(self) -> Iterator[Portion]:
        """What each channel said, channel by channel."""
        with open_zip(self.file, self.limits) as archive:
            folder = _folder(archive) or ""
            rooms = list(self._rooms(archive, folder))
            self.total_bytes = sum(day.file_size for room in rooms for day in room.days)
            names, team = self._people(archive, folder)
            team = self._team(archive, rooms, team) if rooms else ""
            for room in rooms:
                agent_id = self._agent(team, room, rooms)
                said = self._messages(archive, room, team, names)
                yield from self.in_portions(agent_id, room.place_name, said)

    def _rooms(self, archive: zipfile.ZipFile, folder: str) -> Iterator[_Room]:
        days = _days(archive, folder)
        for file in _ROOMS:
            for record in self._list(archive, folder + file):
                found = days.get(words(record, "name")) or days.get(words(record, "id")) or []
                if not _ID.fullmatch(words(record, "id")):
                    self.skipped["channels without an id"] += 1
                elif found:
                    grouped = file == _GROUP_MESSAGES
                    name = "group message" if grouped else f"#{clean_name(words(record, 'name'))}"
                    yield _Room(id=record["id"], place_name=name, days=tuple(found))
        direct = sum(1 for _ in self._list(archive, folder + _DIRECT))
        if direct:
            self.skipped["conversations of direct messages"] += direct

    def _list(self, archive: zipfile.ZipFile, name: str) -> Iterator[dict[str, Any]]:
        if name in archive.namelist():
            with archive.open(name) as member:
                yield from json_items(Metered(member, self.limits), "item")

    def _people(self, archive: zipfile.ZipFile, folder: str) -> tuple[dict[str, str], str | None]:
        """Names by user id, and the team of most of the people."""
        names: dict[str, str] = {}
        teams: Counter[str] = Counter()
        for file in _PEOPLE:
            for record in self._list(archive, folder + file):
                names[words(record, "id")] = _name(record, "profile")
                teams[words(record, "team_id")] += 1
        return names, next((team for team, _ in teams.most_common() if _ID.fullmatch(team)), None)

    def _team(self, archive: zipfile.ZipFile, rooms: list[_Room], of_people: str | None) -> str:
        """The team's id: as the operator says, as people have it, or as messages have it."""
        platform, _, named = (self.key or "").partition(":")
        if of_people and not _TEAM.fullmatch(self.key or ""):
            return of_people
        if platform == "slack":
            return named.split("/")[0]
        days = [day for room in rooms for day in room.days]
        for day in islice(days, _DAYS_ASKED):
            for record in self._records(archive, day, counted=False):
                if _ID.fullmatch(words(record, "team")):
                    return words(record, "team")
        raise ArchiveRefused(
            "This export does not say which Slack team it is of; repeat with --as slack:TEAM."
        )

    def _agent(self, team: str, room: _Room, rooms: list[_Room]) -> str:
        own = scope_of(Origin(platform="slack", team=team, user="", room=room.id)).agent_id
        if self.key is None or _TEAM.fullmatch(self.key):
            return own
        if len(rooms) > 1:
            raise BadRequest(
                f"This export holds {len(rooms)} channels; --as can name their team, "
                f"slack:{team}, but no agent for all of them."
            )
        return self.room_key(own)

    def _messages(
        self, archive: zipfile.ZipFile, room: _Room, team: str, names: Mapping[str, str]
    ) -> Iterator[PastMessage]:
        for day in room.days:
            for record in self._records(archive, day):
                reason = _why_not(record)
                if reason:
                    self.skipped[reason] += 1
                else:
                    yield _message(record, room, team, names)

    def _records(
        self, archive: zipfile.ZipFile, day: zipfile.ZipInfo, *, counted: bool = True
    ) -> Iterator[dict[str, Any]]:
        before = self.bytes_read
        with archive.open(day) as member:
            file = Metered(member, self.limits)
            for record in json_items(file, "item"):
                if counted:
                    self.bytes_read = before + file.bytes_read
                yield record


def _days(archive: zipfile.ZipFile, folder: str) -> dict[str, list[zipfile.ZipInfo]]:
    """The files of each room's folder, in the order of their dates."""
    found: dict[str, list[zipfile.ZipInfo]] = defaultdict(list)
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        room, _, day = entry.filename.removeprefix(folder).partition("/")
        if entry.filename.startswith(folder) and _DAY.fullmatch(day):
            found[room].append(entry)
    return found


def _why_not(record: Mapping[str, Any]) -> str:
    """Why a record is no person's message; ``""`` when it is one."""
    if words(record, "subtype") == "bot_message" or record.get("bot_id"):
        return "messages of bots and apps"
    if words(record, "subtype") not in _SPOKEN or record.get("hidden"):
        return "notices of joins and the like"
    if words(record, "user") == "USLACKBOT":
        return "messages of bots and apps"
    if not _ID.fullmatch(words(record, "user")):
        return "messages without an author"
    time = words(record, "ts")
    if not _TIME.fullmatch(time) or moment(float(time)) is None:
        return "messages without a time"
    return ""


def _message(
    record: Mapping[str, Any], room: _Room, team: str, names: Mapping[str, str]
) -> PastMessage:
    user, time = words(record, "user"), words(record, "ts")
    root = words(record, "thread_ts")
    threaded = root != time and _TIME.fullmatch(root)
    sent_at = moment(float(time))
    assert sent_at is not None  # noqa: S101 - `_why_not` has looked
    files = [f"[file: {clean_name(words(file, 'name'))}]" for file in objects(record, "files")]
    return PastMessage(
        source_key=source_key(team, room.id, time),
        thread=source_key(team, room.id, root) if threaded else None,
        author=principal_key("slack", team, user),
        author_name=names.get(user) or _name(record, "user_profile") or user,
        text="\n".join([readable(words(record, "text"), names), *files]).strip(),
        sent_at=sent_at,
    )


def _name(record: Mapping[str, Any], profile: str) -> str:
    shown = {name: words(record.get(profile), name) for name in ("display_name", "real_name")}
    return display_name({"profile": shown, "name": words(record, "name")})
