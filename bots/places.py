"""What is set for each place, and whose memory an event from it reaches; answers without waiting.

Set in chat (kept in the database), else in ``membot.toml``, else the default.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Protocol, get_args

from bots.pair_budget import PairBudget
from bots.routing import (
    TEAM_RULES,
    Hearing,
    Origin,
    Preset,
    Reception,
    Rules,
    brain_of,
    hearing,
    in_direct_messages,
    scope_of,
)
from engine.links import LinkStore
from engine.place_settings import PlaceSetting, PlaceStore
from engine.places import most_specific
from engine.records import IncomingEvent, Scope

_BLOCK = "block:"
_RULES = tuple(field.name for field in fields(Rules))


class PlaceAndLinkStore(PlaceStore, LinkStore, Protocol):
    """Where both are kept."""


class Places:
    """The settings of all places, in memory.

    Args:
        default: Where nothing is set.
        configured: What the configuration file says: pattern of places, name, value.
        owner: Identities of the one person whom the preset ``personal`` serves, as principals.
        seconds: A clock that only goes forward.
    """

    def __init__(
        self,
        default: Rules = TEAM_RULES,
        configured: Iterable[tuple[str, str, str]] = (),
        owner: Sequence[str] = (),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pairs = PairBudget(seconds)
        self._default = default
        self._configured = _by_name(configured)
        self._brains = {in_direct_messages(one): brain_of(owner[0]) for one in owner}
        self._set: dict[str, dict[str, str]] = {}
        self._links: Mapping[str, str] = {}
        self._known: dict[str, Rules] = {}

    async def load(self, store: PlaceAndLinkStore) -> None:
        """Read what was set and linked in chat or at the shell, in the place of what was read."""
        settings, links = await store.place_settings(), await store.links()
        self._set.clear()
        for setting in settings:
            self.follow(setting)
        self._links = {link.principal: link.agent_id for link in links}
        self._known.clear()

    def follow(self, setting: PlaceSetting) -> None:
        """Hold to what was just stored."""
        values = self._set.setdefault(setting.name, {})
        values.pop(setting.place, None)
        if setting.value is not None:
            values[setting.place] = setting.value
        self._known.clear()

    def rules_for(self, origin: Origin) -> Rules:
        """What is set for the place of an event; a thread's is its channel's."""
        known = self._known.get(origin.place)
        if known is None:
            known = self._rules(origin.place)
            self._known[origin.place] = known
        return known

    def scope_of(self, origin: Origin) -> Scope:
        """Whose memory an event from there reaches."""
        rules = self.rules_for(origin)
        if origin.confined and self._is_mapped_by_name(origin.place):
            origin = replace(origin, confined=False)
        brain = self._brains.get(origin.principal) if rules.mapping == "personal" else None
        return scope_of(origin, rules, brain or self._links.get(origin.principal))

    def _is_mapped_by_name(self, place: str) -> bool:
        return any(place in known.get("mapping", {}) for known in (self._set, self._configured))

    def other_keys(self, origin: Origin) -> list[str]:
        """Agents that other presets would give the place; what they remember is kept apart."""
        keys = (scope_of(origin, Rules(mapping=preset)).agent_id for preset in get_args(Preset))
        return sorted(set(keys) - {self.scope_of(origin).agent_id})

    def hearing(self, origin: Origin, reception: Reception) -> Hearing:
        """What to do with a message from there."""
        found = hearing(reception, self.rules_for(origin))
        if found == "answer" and reception.from_bot:
            return found if self._pairs.allows(origin.principal, origin.place) else "ignore"
        return found

    def texts(self, agent_id: str) -> Mapping[str, str]:
        """Texts that admins gave an agent in chat, by the label of their block."""
        found = {name: self.value(name, agent_id) for name in self._set if name.startswith(_BLOCK)}
        return {name.removeprefix(_BLOCK): text for name, text in found.items() if text}

    def arrived(
        self, event: IncomingEvent, origin: Origin, *, outsider: bool = False
    ) -> IncomingEvent:
        """An event with what is set for the place where it comes from."""
        learns = self.learns(origin, outsider=outsider)
        return replace(event, meets=origin.place, learns=learns)

    def learns(self, origin: Origin, *, outsider: bool) -> bool:
        """Whether memory may be made of what is said there.

        Args:
            origin: Where; what is said in direct messages is always the person's own.
            outsider: Whether guests or people of another organisation say it or read along.
        """
        rules = self.rules_for(origin)
        shut = outsider and rules.outsiders != "learn"
        in_room = origin.room is not None and (shut or rules.mode == "off")
        return rules.learning == "on" and not in_room

    def value(self, name: str, place: str) -> str | None:
        """What is set under a name for a place, in chat or else in the file; None for nothing."""
        for values in (self._set.get(name, {}), self._configured.get(name, {})):
            pattern = most_specific(place, tuple(values))
            if pattern is not None:
                return values[pattern]
        return None

    def _rules(self, place: str) -> Rules:
        found: dict[str, Any] = {name: self.value(name, place) for name in _RULES}
        return replace(self._default, **{name: value for name, value in found.items() if value})


def _by_name(configured: Iterable[tuple[str, str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Values by pattern under each name; of two for one pattern the first holds."""
    values: dict[str, dict[str, str]] = {}
    for pattern, name, value in configured:
        values.setdefault(name, {}).setdefault(pattern, value)
    return values
