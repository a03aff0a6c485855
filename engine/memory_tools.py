"""The MemGPT functions: how the model speaks and manages its own memory.

Names, arguments and result shapes follow the MemGPT code of 2023 (arXiv 2310.08560); failures say
what to do instead.
"""

import json
import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Annotated

from pydantic import AliasChoices, Field
from ulid import ULID

from engine.core_memory import HUMAN, LABEL, append_line, human_label, replace_text, rewrite
from engine.errors import ModelMistake
from engine.events import clock
from engine.records import (
    ArchivalSearch,
    Block,
    BlockWrite,
    Hit,
    Passage,
    RecallSearch,
    Reply,
    Revision,
    SearchPage,
)
from engine.tools import MemoryContext, Tool, ToolContext, ToolFunction, make_tool

SEND_MESSAGE = "send_message"
NO_RESULTS = "No results found."
NOT_SENT = "Not sent: the person was answered before the alert and has said nothing since."
_MAX_PAUSE_MINUTES = 360
_LEAST_HIT_CHARS = 40
_CHARS_AROUND_A_HIT = 150

Label = Annotated[str, Field(validation_alias=AliasChoices("label", "name"))]
Page = int | None


async def send_message(context: ToolContext, message: str) -> str:
    """Say something to the person. The only way to be heard.

    Args:
        message: What you answer, in your own words, in Markdown.
    """
    if not message.strip():
        raise ModelMistake("message is empty; write what the person should read.")
    if not context.may_speak:
        return NOT_SENT
    context.draft.replies.append(Reply(text=message))
    return "Sent."


async def pause_heartbeats(
    context: ToolContext, minutes: Annotated[int, Field(ge=1, le=_MAX_PAUSE_MINUTES)]
) -> str:
    """Receive no timed heartbeats for a while.

    Args:
        minutes: From 1 to 360.
    """
    context.draft.heartbeats_paused_until = context.now() + timedelta(minutes=minutes)
    return f"No timed heartbeat for {minutes} minutes."


async def core_memory_append(context: MemoryContext, label: Label, content: str) -> str:
    """Add one line to a core memory block. Use it for facts to keep in sight.

    Args:
        label: Block to add to; "human" is the person who is speaking.
        content: The line, in your own words or theirs.
    """
    block = _block(context, label)
    longer = append_line(block, content)
    if longer == block:
        return "That line is there already."
    _write(context, longer, "core_memory_append")
    return "Added."


async def core_memory_replace(
    context: MemoryContext, label: Label, old_content: str, new_content: str
) -> str:
    """Replace an exact piece of a core memory block; an empty new_content deletes it.

    Args:
        label: Block to edit; "human" is the person who is speaking.
        old_content: Text exactly as the block has it.
        new_content: What stands there from now on.
    """
    edited = replace_text(_block(context, label), old_content, new_content)
    _write(context, edited, "core_memory_replace")
    return "Replaced."


async def rethink_memory(context: MemoryContext, target_block_label: str, new_memory: str) -> str:
    """Rewrite a whole core memory block. A new label makes a new block.

    Args:
        target_block_label: Block to rewrite.
        new_memory: Its complete new text.
    """
    label = _resolved(context, target_block_label)
    known = context.memory.get(label)
    if known is None and (label == HUMAN or not LABEL.fullmatch(label)):
        raise ModelMistake(
            f"There is no block '{label}', and none can be made: a new one is named with at most "
            "40 letters, digits, - and _, and one about a person comes when they speak."
        )
    block = known or Block(label=label, limit_chars=context.config.block_limit_chars, version=0)
    _write(context, rewrite(block, new_memory), "rethink_memory")
    return "Rewritten." if known else f"Made the new block '{label}'."


async def rethink_user_memory(context: MemoryContext, new_memory: str) -> str:
    """Rewrite the whole block about the person who is speaking.

    Args:
        new_memory: Its complete new text.
    """
    _write(context, rewrite(_block(context, HUMAN), new_memory), "rethink_user_memory")
    return "Rewritten."


async def finish_rethinking_memory(context: MemoryContext) -> str:
    """Say that the memory blocks are as they should be."""
    return "Finished."


async def conversation_search(
    context: MemoryContext,
    query: str,
    page: Page = 0,
    start_date: str | None = None,
    end_date: str | None = None,
    speaker: str | None = None,
) -> str:
    """Search everything that was ever said here, also what left your context.

    Args:
        query: Words or a question.
        page: Page of the results, from 0.
        start_date: First day, YYYY-MM-DD.
        end_date: Last day, YYYY-MM-DD.
        speaker: Only what this person said.
    """
    start, end = _days(context, start_date, end_date)
    search = RecallSearch(
        query=query,
        page=_page(page),
        page_size=context.config.page_size,
        start=start,
        end=end,
        speaker=speaker,
    )
    found = await context.store.search_recall(context.scope, search)
    context.draft.used_messages += [hit.id for hit in found.hits]
    return _shown(context, found, query)


async def conversation_search_date(
    context: MemoryContext, start_date: str, end_date: str, page: Page = 0
) -> str:
    """List what was said between two days, oldest first.

    Args:
        start_date: First day, YYYY-MM-DD.
        end_date: Last day, YYYY-MM-DD, included.
        page: Page of the results, from 0.
    """
    start, end = _days(context, start_date, end_date)
    size = context.config.page_size
    search = RecallSearch(query="", page=_page(page), page_size=size, start=start, end=end)
    found = await context.store.list_recall(context.scope, search)
    context.draft.used_messages += [hit.id for hit in found.hits]
    return _shown(context, found)


async def archival_memory_insert(
    context: MemoryContext, content: str, tags: list[str] | None = None
) -> str:
    """Store a fact or a thought in archival memory, which has no limit.

    Args:
        content: A text that can be understood by itself.
        tags: A few words to find it by.
    """
    text = content.strip()
    if not text:
        raise ModelMistake("content is empty; nothing was stored.")
    duplicate = await _duplicate(context, text)
    if duplicate:
        return f"Archival memory already holds this as {duplicate.id}; it was not stored twice."
    passage = _passage(context, text, tuple(tags or ()))
    context.draft.passages.append(passage)
    return f"Stored as {passage.id}."


async def archival_memory_update(context: MemoryContext, passage_id: str, content: str) -> str:
    """Replace what a passage of archival memory says; the old text is kept as superseded.

    Args:
        passage_id: The id that a search shows.
        content: Its complete new text.
    """
    text = content.strip()
    if not text:
        raise ModelMistake("content is empty; use archival_memory_delete to let a passage go.")
    old = await _known_passage(context, passage_id)
    if old.text == text:
        return "It says that already."
    new = replace(_passage(context, text, old.tags), title=old.title)
    _supersede(context, old, new)
    return f"Stored as {new.id}; the old text is kept as superseded."


async def archival_memory_delete(context: MemoryContext, passage_id: str) -> str:
    """Let go of a passage of archival memory that is wrong or no longer true.

    Args:
        passage_id: The id that a search shows.
    """
    _supersede(context, await _known_passage(context, passage_id), None)
    return "Deleted; it is no longer searched."


async def archival_memory_search(
    context: MemoryContext,
    query: str,
    page: Page = 0,
    tags: list[str] | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
) -> str:
    """Search archival memory: stored facts, thoughts and documents.

    Args:
        query: Words or a question.
        page: Page of the results, from 0.
        tags: Only passages with one of these tags.
        start_date: First day, YYYY-MM-DD.
        end_date: Last day, YYYY-MM-DD; shows also what was superseded since.
    """
    start, end = _days(context, start_date, end_date)
    search = ArchivalSearch(
        query=query,
        page=_page(page),
        page_size=context.config.page_size,
        tags=tuple(tags or ()),
        start=start,
        end=end,
        past=end is not None,
    )
    found = await context.store.search_archival(context.scope, search, context.knowledge)
    context.draft.used_passages += [hit.id for hit in found.hits]
    return _shown(context, found, query)


def memory_tools() -> list[Tool]:
    """The functions of a conversation, in the order in which the model reads them."""
    silent: list[ToolFunction] = [send_message, pause_heartbeats, finish_rethinking_memory]
    chaining: list[ToolFunction] = [
        core_memory_append,
        core_memory_replace,
        conversation_search,
        conversation_search_date,
        archival_memory_insert,
        archival_memory_search,
        rethink_memory,
        rethink_user_memory,
    ]
    ordered = [silent[0], *chaining, *silent[1:]]
    return [make_tool(function, chains=function in chaining) for function in ordered]


def correction_tools() -> list[Tool]:
    """The functions that replace passages and let go of them."""
    return [make_tool(archival_memory_update), make_tool(archival_memory_delete)]


def _resolved(context: MemoryContext, label: str) -> str:
    """``human`` means the speaker's own block, wherever that is kept."""
    if label == HUMAN:
        return human_label(context.scope.speaker, room=context.scope.audience == "room")
    return label


def block_named(context: MemoryContext, label: str) -> Block | None:
    """The block a label means here, if there is one; ``human`` is the speaker's."""
    return context.memory.get(_resolved(context, label))


def _block(context: MemoryContext, label: str) -> Block:
    if block := block_named(context, label):
        return block
    known = ", ".join(f"'{name}'" for name in context.memory)
    raise ModelMistake(f"There is no block '{label}'. Blocks: {known}.")


def _require_learning(context: MemoryContext) -> None:
    if not context.learns:
        raise ModelMistake(
            "Nothing of this may be stored: somebody here does not want to be remembered, or the "
            "conversation is off the record. Answer without storing."
        )


def _write(context: MemoryContext, block: Block, operation: str) -> None:
    _require_learning(context)
    context.memory[block.label] = block
    write = BlockWrite(
        block=block,
        author=context.provenance.author,
        source_key=context.provenance.source_key,
        sources=context.provenance.sources,
        operation=operation,
    )
    context.draft.blocks.append(write)


def _passage(context: MemoryContext, text: str, tags: tuple[str, ...]) -> Passage:
    _require_learning(context)
    now = context.now()
    return Passage(
        id=str(ULID.from_datetime(now)),
        text=text,
        tags=tags,
        author=context.provenance.author,
        author_name=context.provenance.author_name,
        source_key=context.provenance.source_key,
        sources=context.provenance.sources,
        created_at=now,
    )


async def _duplicate(context: MemoryContext, text: str) -> Passage | None:
    """A passage that says this already, one of this step's included."""
    words = _words(text)
    for passage in context.draft.passages:
        if _words(passage.text) == words:
            return passage
    found = await context.store.find_duplicate_passage(context.scope, text)
    return None if found and found.id in _let_go(context) else found


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold()) or [text]


def _let_go(context: MemoryContext) -> set[str]:
    return {revision.passage_id for revision in context.draft.revisions}


async def _known_passage(context: MemoryContext, passage_id: str) -> Passage:
    """A current passage, one of this step's included."""
    wanted = passage_id.strip()
    for passage in context.draft.passages:
        if passage.id == wanted:
            return passage
    found = await context.store.passage(context.scope, wanted)
    if found is None or found.id in _let_go(context):
        raise ModelMistake(f"There is no current passage '{wanted}'; search for it to get its id.")
    return found


def _supersede(context: MemoryContext, old: Passage, new: Passage | None) -> None:
    draft = context.draft
    if old in draft.passages:
        draft.passages.remove(old)
    else:
        revision = Revision(passage_id=old.id, successor=new.id if new else None)
        draft.revisions.append(revision)
    if new:
        draft.passages.append(new)


def _page(page: Page) -> int:
    if page is not None and page < 0:
        raise ModelMistake("page counts from 0.")
    return page or 0


def _days(
    context: MemoryContext, start: str | None, end: str | None
) -> tuple[datetime | None, datetime | None]:
    """Two inclusive days of the agent's time zone as instants, the second exclusive."""
    first, last = _day(start, "start_date"), _day(end, "end_date")
    if first and last and last < first:
        raise ModelMistake("end_date is before start_date.")
    midnight = time(tzinfo=context.zone)
    return (
        datetime.combine(first, midnight) if first else None,
        datetime.combine(last + timedelta(days=1), midnight) if last else None,
    )


def _day(text: str | None, name: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError as error:
        raise ModelMistake(f"{name} must be a day written YYYY-MM-DD.") from error


def _shown(context: MemoryContext, page: SearchPage, query: str = "") -> str:
    """Results as the model reads them; an empty page beyond the last one says so."""
    if not page.total:
        return NO_RESULTS
    last = (page.total - 1) // page.page_size
    if not page.hits:
        raise ModelMistake(f"There is no page {page.page}; the last page is {last}.")
    head = f"Showing {len(page.hits)} of {page.total} results (page {page.page}/{last}):"
    chars = context.config.result_chars // page.page_size - _CHARS_AROUND_A_HIT
    while True:
        chars = max(chars, _LEAST_HIT_CHARS)
        rows = json.dumps(
            [_row(context, hit, query, chars) for hit in page.hits], ensure_ascii=False
        )
        if chars == _LEAST_HIT_CHARS or context.fits(rows):
            return f"{head} {rows}"
        chars = chars * 2 // 3  # a script in which few characters make a token


def _row(context: MemoryContext, hit: Hit, query: str, chars: int) -> dict[str, str]:
    row = {
        "time": clock(hit.time, context.zone),
        "who": hit.who,
        "where": hit.where,
        "id": hit.id,
    }
    if hit.superseded_at:
        row["superseded"] = clock(hit.superseded_at, context.zone)
    return row | {"text": _excerpt(hit.text, query, chars)}  # last: where a result is cut


def _excerpt(text: str, query: str, chars: int) -> str:
    """As much of a hit as lets a whole page fit, around the first word that was asked for."""
    if len(text) <= chars:
        return text
    words = sorted(re.findall(r"\w+", query), key=len, reverse=True)
    places = (text.lower().find(word.lower()) for word in words)
    found = next((place for place in places if place >= 0), 0)
    start = max(0, min(found - chars // 2, len(text) - chars))
    end = start + chars
    return f"{text[start:end]} [cut: characters {start} to {end} of {len(text)} are shown]"
