"""The commands with which admins set what holds for a channel."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import get_args

from bots.adapter import CommandAnswer, CommandRequest
from bots.commands import Handler
from bots.config_file import OWN_LABELS
from bots.places import Places
from bots.routing import ROOM_PRESETS, Learning, Mode, Origin, OtherBots, Outsiders
from engine.config import MemoryConfig
from engine.core_memory import LABEL
from engine.errors import BadRequest
from engine.place_settings import PlaceSetting
from engine.records import BlockWrite
from engine.store import Store

_LIMIT_CHARS = MemoryConfig().block_limit_chars


class PlaceCommands:
    """``agent mode``, ``map``, ``persona`` and ``block``.

    Args:
        store: Keeps what is set.
        places: What is set now.
        personas: Texts of configured personas by name.
        now: The clock.
    """

    def __init__(
        self,
        store: Store,
        places: Places,
        personas: Mapping[str, str],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._places = places
        self._personas = personas
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            "agent mode": self._mode,
            "agent map": self._map,
            "agent persona": self._persona,
            "agent block": self._block,
        }

    async def _mode(self, request: CommandRequest) -> CommandAnswer:
        origin = _room(request)
        await self._choose(request, origin.place, "mode", get_args(Mode))
        await self._choose(request, origin.place, "bots", get_args(OtherBots))
        await self._choose(request, origin.place, "learning", get_args(Learning))
        rules = self._places.rules_for(origin)
        parts = [
            request.say("mode.is", mode=rules.mode, does=request.say(f"mode.{rules.mode}")),
            request.say(f"mode.bots_{rules.bots}"),
            *(() if rules.learning == "on" else (request.say("mode.notes_nothing"),)),
        ]
        return CommandAnswer(text=" ".join(parts))

    async def _map(self, request: CommandRequest) -> CommandAnswer:
        origin = _room(request)
        if request.arguments.get("mapping") == "personal":
            raise BadRequest(request.say("map.personal"))
        before = self._places.scope_of(origin).agent_id
        await self._choose(request, origin.place, "mapping", ROOM_PRESETS)
        await self._choose(request, origin.place, "outsiders", get_args(Outsiders))
        rules, agent_id = self._places.rules_for(origin), self._places.scope_of(origin).agent_id
        lines = [
            request.say("map.is", mapping=rules.mapping, agent=agent_id),
            request.say(f"map.outsiders_{rules.outsiders}"),
        ]
        lines += [request.say("map.kept", agent=before)] if before != agent_id else []
        return CommandAnswer(text="\n".join(lines))

    async def _persona(self, request: CommandRequest) -> CommandAnswer:
        _room(request)
        wanted = request.arguments.get("text", "").strip()
        window = await self._store.load_window(request.scope)
        block = next((one for one in window.blocks if one.label == "persona"), None)
        if not wanted:
            names = ", ".join(f"`{name}`" for name in self._personas) or request.say("persona.none")
            shown = block.value if block else request.say("persona.unspoken")
            return CommandAnswer(
                text=f"{shown}\n\n{request.say('persona.configured', names=names)}"
            )
        value = _fitting(request, self._personas.get(wanted, wanted))
        await self._set(request, _home(request), "block:persona", value)
        if block is not None:
            changed = replace(block, value=value, version=block.version + 1)
            write = BlockWrite(
                block=changed, author=request.actor, source_key=None, operation="agent persona"
            )
            await self._store.write_blocks(request.scope, [write], self._now())
        return CommandAnswer(text=request.say("persona.done"))

    async def _block(self, request: CommandRequest) -> CommandAnswer:
        _room(request)
        label = request.arguments.get("label", "").strip()
        value = request.arguments.get("text", "").strip()
        if label in OWN_LABELS or not LABEL.fullmatch(label):
            own = ", ".join(OWN_LABELS)
            raise BadRequest(request.say("block.label", own=own))
        kept = _fitting(request, value) or None
        await self._set(request, _home(request), f"block:{label}", kept)
        key = "block.kept" if value else "block.gone"
        return CommandAnswer(text=request.say(key, label=label))

    async def _choose(
        self, request: CommandRequest, place: str, name: str, accepted: tuple[str, ...]
    ) -> None:
        value = request.arguments.get(name, "").strip().lower()
        if value and value not in accepted:
            values = ", ".join(accepted)
            raise BadRequest(request.say("whom.values", option=name, values=values))
        if value:
            await self._set(request, place, name, value)

    async def _set(self, request: CommandRequest, place: str, name: str, value: str | None) -> None:
        setting = PlaceSetting(
            place=place, name=name, value=value, actor=request.actor, at=self._now()
        )
        await self._store.set_place_setting(setting)
        await self._places.load(self._store)  # what is said next tells of it


def _room(request: CommandRequest) -> Origin:
    if request.origin is None or request.origin.room is None:
        raise BadRequest(request.say("mode.rooms_only"))
    return request.origin


def _home(request: CommandRequest) -> str:
    """The place whose agents all get it: one person's in a channel follow the channel."""
    return request.scope.agent_id.partition("/user/")[0]


def _fitting(request: CommandRequest, wanted: str) -> str:
    chars = len(wanted)
    if chars > _LIMIT_CHARS:
        raise BadRequest(request.say("block.too_long", chars=chars, most=_LIMIT_CHARS))
    return wanted
