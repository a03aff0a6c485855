"""What an agent is born with, and how an event becomes an entry of its memory.

An agent is not an object that lives between turns: it is its stored blocks, messages and passages.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from zoneinfo import ZoneInfo

from ulid import ULID

from engine import notices
from engine.config import EngineConfig, OperatorBlock
from engine.context_window import Fitter, cut_text
from engine.core_memory import human_label
from engine.due_times import zone_named
from engine.events import login_payload, user_payload, whole_characters
from engine.places import matches, most_specific
from engine.prompts import load_prompt
from engine.records import Block, EventKind, IncomingEvent, Message, Quote
from engine.store import AcceptRequest
from engine.tokens import TokenCounter
from engine.turn_log import is_awaited

SAID: tuple[EventKind, ...] = (
    "user_message",
    "overheard",
    "file_upload",
)  # by a person, just now
_NO_TEXTS: Mapping[str, str] = MappingProxyType({})
_QUOTE_CHARS = 2000  # a message of Discord's
_THEIR_WORDS = '"I" and "my" in it are theirs.'
_DESCRIPTIONS = {
    "persona": "Who you are and how you behave.",
    "room": "What you know about this room and what it is for.",
}


def starting_blocks(
    event: IncomingEvent, config: EngineConfig, texts: Mapping[str, str] = _NO_TEXTS
) -> tuple[Block, ...]:
    """Blocks that the event's agent has from now on.

    A room's agent gets one block a speaker, labelled with the speaker's key.

    Args:
        event: Says whose agent it is.
        config: What the operator gives agents.
        texts: What admins gave this one in chat, by label; it goes over the operator's.
    """
    room, agent_id = event.scope.audience == "room", event.scope.agent_id
    limit = config.memory.block_limit_chars
    blocks = [_block("persona", texts.get("persona") or _persona(agent_id, config), limit)]
    if room:
        blocks.append(_block("room", "", limit))
    whom = event.speaker_name if room else "the person who is speaking"
    human = Block(
        label=human_label(event.scope.speaker, room=room),
        description=f"What you know about {whom}. {_THEIR_WORDS}",
        limit_chars=limit,
        owner=event.scope.speaker if room else None,
        owner_name=event.speaker_name if room else "",
    )
    given = (
        _given(block)
        for block in config.blocks
        if matches(agent_id, block.places) and block.label not in texts
    )
    told = (
        Block(label=label, value=value, limit_chars=limit, read_only=True)
        for label, value in texts.items()
        if label != "persona"
    )
    return (*blocks, human, *given, *told)


def _persona(agent_id: str, config: EngineConfig) -> str:
    """The text of the persona whose place says most about the agent's."""
    pattern = most_specific(agent_id, tuple(config.place_personas))
    name = config.place_personas[pattern] if pattern else "default"
    return config.personas.get(name) or load_prompt("persona")


def _given(block: OperatorBlock) -> Block:
    return Block(
        label=block.label,
        description=block.description,
        value=block.text,
        limit_chars=block.limit_chars,
        read_only=block.read_only,
    )


def _block(label: str, value: str, limit_chars: int) -> Block:
    description = _DESCRIPTIONS[label]
    return Block(label=label, description=description, value=value, limit_chars=limit_chars)


class Reception:
    """Turns events into what one transaction stores for them.

    Args:
        config: Bounds, personas and time zone.
        counter: Counts what the event takes in the prompt.
        now: The clock.
        texts: What admins gave an agent in chat: texts of blocks by label.
    """

    def __init__(
        self,
        *,
        config: EngineConfig,
        counter: TokenCounter,
        now: Callable[[], datetime],
        texts: Callable[[str], Mapping[str, str]] = lambda _: _NO_TEXTS,
    ) -> None:
        self._texts = texts
        self._config = config
        self._counter = counter
        self._fitter = Fitter(counter, config.memory.message_tokens)
        self._now = now

    async def request(self, event: IncomingEvent) -> AcceptRequest:
        """All that is stored for an event, its tokens counted off the event loop.

        A full mailbox refuses what people say; what they have asked for earlier is let in.
        """
        event = _storable(event)
        now = self._now()
        turn_id = str(ULID.from_datetime(now))
        said = event.kind in SAID
        return AcceptRequest(
            event=event,
            message=await self._message(event, turn_id),
            turn_id=turn_id,
            blocks=starting_blocks(event, self._config, self._texts(event.scope.agent_id)),
            login=partial(self._login, event, turn_id) if said else None,
            max_queued=self._config.dispatch.max_queued_per_agent if said else sys.maxsize,
            busy_notice=notices.BUSY if is_awaited(event.kind) else "",
            greeting=self._config.greetings.get(event.scope.audience) if event.meets else None,
            unread_notice=notices.UNREAD,
            at=now,
        )

    async def _message(self, event: IncomingEvent, turn_id: str) -> Message:
        """The event as stored: whole in ``text``, shown cut when it is too big for the window."""
        zone = self._zone(event)
        payload, tokens = await self._fitter.fit(
            event.text, lambda shown: user_payload(event, shown, zone)
        )
        said = event.kind in SAID
        return Message(
            id=turn_id,
            scope=event.scope,
            turn_id=turn_id,
            role="user",
            kind=event.kind,
            author=event.scope.speaker if said else None,
            author_name=event.speaker_name if said else "",
            text=event.text,
            payload=payload,
            tokens=tokens,
            source_key=event.source_key,
            place=event.place_name,
            sent_at=event.sent_at,
            searchable=said,
        )

    def _zone(self, event: IncomingEvent) -> ZoneInfo:
        """The person's own time zone: what they say of times is said in that."""
        return zone_named(event.timezone, self._config.timezone)

    def _login(
        self, event: IncomingEvent, turn_id: str, last_heard: datetime | None
    ) -> Message | None:
        """What goes before the message of a person who is new to the agent or was long away."""
        absence = timedelta(days=self._config.events.absence_days)
        if last_heard and event.sent_at - last_heard < absence:
            return None
        payload = login_payload(event, last_heard, self._zone(event))
        return Message(
            id=str(ULID.from_datetime(self._now())),
            scope=event.scope,
            turn_id=turn_id,
            role="user",
            kind="login",
            author=event.scope.speaker,
            author_name=event.speaker_name,
            text="",
            payload=payload,
            tokens=self._counter.count_now(payload),
            place=event.place_name,
            sent_at=event.sent_at,
            searchable=False,
        )


def _storable(event: IncomingEvent) -> IncomingEvent:
    """The event without half characters (lone surrogates), which UTF-8 cannot hold."""
    text, name = (whole_characters(item) for item in (event.text, event.speaker_name))
    return replace(event, text=text, speaker_name=name, quote=event.quote and _short(event.quote))


def _short(quote: Quote) -> Quote:
    """What is answered leaves room for the answer."""
    cut = cut_text(whole_characters(quote.text), _QUOTE_CHARS)
    return Quote(author_name=whole_characters(quote.author_name), text=cut)
