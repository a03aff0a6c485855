"""Letta's agent file (``.af``): blocks, messages and, where there are any, passages of agents.

Both layouts are read: one agent with its ``core_memory``, and lists of agents, blocks and tools
that name each other by id. Nothing of a file is ever run.
Source: https://github.com/letta-ai/agent-file and letta/schemas/agent_file.py of letta-ai/letta
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ulid import ULID

from bots.imports.export import Export
from bots.imports.reading import moment, objects, opened, refusing, texts, words
from bots.routing import clean_name
from engine.errors import ArchiveRefused, BadRequest
from engine.imports import PastMessage, Portion
from engine.records import Block, Passage, Role

_LABEL = re.compile(r"[^\w/ -]")
_NAMES_SHOWN = 30
_MOST_BLOCK_CHARS = 50_000
_DEFAULT_LIMIT_CHARS = 2_000
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "tool": "tool"}
_NOT_READ = {
    "tools": "tools, whose code is never run here",
    "files": "files, which `membot load` reads",
    "mcp_servers": "MCP servers, which membot.toml names",
}

Record = Mapping[str, Any]


class LettaFile(Export):
    """Each agent becomes a person's agent, by default one named like it at the terminal."""

    title = "Letta agent file"

    def portions(self) -> Iterator[Portion]:
        """What each agent of the file remembers."""
        document = self._document()
        agents = objects(document, "agents") or [document]
        if self.key and len(agents) > 1:
            raise BadRequest(
                f"The file holds {len(agents)} agents, which cannot all become {self.key}."
            )
        self._note(document)
        for agent in agents:
            yield from self._agent(agent, document)

    def _document(self) -> dict[str, Any]:
        """The file as an object; some are an object written as a JSON text."""
        with opened(self.file, self.limits) as file, refusing():
            found = json.loads(file.read_whole())
            if isinstance(found, str):
                found = json.loads(found)
        self.total_bytes = self.bytes_read = file.bytes_read
        if not isinstance(found, dict):
            raise ArchiveRefused("The file is no agent file of Letta; nothing was changed.")
        return found

    def _note(self, document: Record) -> None:
        for name, sentence in _NOT_READ.items():
            found = [
                words(item, "name") or words(item, "file_name") for item in objects(document, name)
            ]
            if found:
                shown = ", ".join(re.sub(r"[^\w. -]", "", one)[:80] for one in found[:_NAMES_SHOWN])
                self.notes.append(f"Not read: {len(found)} {sentence}: {shown}.")

    def _agent(self, agent: Record, document: Record) -> Iterator[Portion]:
        name = clean_name(words(agent, "name"))
        agent_id = self.key or f"console:local/user/{_slug(name)}"
        if "/user/" not in agent_id:
            raise BadRequest(f"A Letta agent talks with one person; {agent_id} is nobody's agent.")
        place = f"Letta: {name}"
        blocks, passages = tuple(_blocks(agent, document)), tuple(_passages(agent))
        if blocks or passages:
            yield Portion(agent_id=agent_id, place_name=place, blocks=blocks, passages=passages)
        yield from self.in_portions(agent_id, place, self._messages(agent, agent_id))

    def _messages(self, agent: Record, agent_id: str) -> Iterator[PastMessage]:
        for record in objects(agent, "messages"):
            message = _message(record, agent_id)
            if message is None:
                self.skipped["system messages and events"] += 1
            else:
                yield message


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-").casefold() or "someone"


def _blocks(agent: Record, document: Record) -> Iterator[Block]:
    """Blocks inside the agent (old layout), or those of the file that it names."""
    by_id = {words(block, "id"): block for block in objects(document, "blocks")}
    named = [by_id[item] for item in texts(agent, "block_ids") if item in by_id]
    found: dict[str, Block] = {}
    for record in [*objects(agent, "core_memory"), *objects(agent, "memory_blocks"), *named]:
        block = _block(record)
        found.setdefault(block.label, block)
    yield from found.values()


def _block(record: Record) -> Block:
    value = words(record, "value").strip()[:_MOST_BLOCK_CHARS]
    limit = record.get("limit")
    limit = limit if isinstance(limit, int) else _DEFAULT_LIMIT_CHARS
    return Block(
        label=_LABEL.sub("_", words(record, "label")).strip()[:80] or "notes",
        description=words(record, "description").strip()[:1_000],
        value=value,
        limit_chars=max(len(value), min(limit, _MOST_BLOCK_CHARS), 1),
        read_only=record.get("read_only") is True,
    )


def _passages(agent: Record) -> Iterator[Passage]:
    for record in [*objects(agent, "archival_memory"), *objects(agent, "passages")]:
        text, at = words(record, "text").strip(), moment(words(record, "created_at"))
        if text and at:
            yield Passage(
                id=str(ULID.from_datetime(at)),
                text=text,
                tags=tuple(texts(record, "tags")),
                source_key=_key(words(record, "created_at"), "passage", text),
                created_at=at,
            )


def _message(record: Record, agent_id: str) -> PastMessage | None:
    """What was said; None for system prompts, heartbeats and other events."""
    role = _ROLES.get(words(record, "role"))
    sent_at = moment(words(record, "created_at"))
    text = _said(record, role) if role else ""
    if role is None or sent_at is None or not text:
        return None
    tenant, _, person = agent_id.partition("/user/")
    spoken = role == "user"
    return PastMessage(
        source_key=_key(words(record, "created_at"), role, text),
        role=role,
        author=f"{tenant}/{person}" if spoken else None,
        author_name=clean_name(words(record, "name") or person) if spoken else "",
        text=text,
        sent_at=sent_at,
        searchable=role != "tool",
    )


def _key(at: str, what: str, text: str) -> str:
    """The same for every export of a message: newer files number theirs from 0 each time."""
    digest = hashlib.sha256(f"{at}\0{what}\0{text}".encode()).hexdigest()
    return f"letta:{digest[:32]}"


def _said(record: Record, role: Role) -> str:
    """The words of a message; of an assistant's what it sent, not what it thought."""
    content = record.get("content")
    if not isinstance(content, list):
        content = [{"type": "text", "text": words(record, "content")}]
    text = "\n".join(words(part, "text") for part in content if words(part, "type") == "text")
    match role:
        case "assistant" if objects(record, "tool_calls"):
            return "\n".join(filter(None, map(_sent, objects(record, "tool_calls"))))
        case "user":
            return _unpacked(text)
        case _:
            return text.strip()


def _sent(call: Record) -> str:
    function = call.get("function")
    if words(function, "name") != "send_message":
        return ""
    return words(_parsed(words(function, "arguments")), "message").strip()


def _unpacked(text: str) -> str:
    """A person's words out of MemGPT's envelope; ``""`` when a machine speaks in it."""
    envelope = _parsed(text)
    if envelope is None or "type" not in envelope:
        return text.strip()
    return words(envelope, "message").strip() if envelope["type"] == "user_message" else ""


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
