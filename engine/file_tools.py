"""Files that the model writes for people: they leave with a reply and are searched like one."""

import json
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import replace

from engine.answer_files import AnswerFile
from engine.chat_model import ToolCall
from engine.context_window import cut_text
from engine.errors import ModelMistake
from engine.events import whole_characters
from engine.memory_tools import NOT_SENT
from engine.records import Reply
from engine.tools import Tool, ToolContext, ToolResult, make_tool

MOST_CHARS = 100_000  # more than a model writes in one answer
MOST_BYTES = 8_000_000  # Discord takes 10 MiB: https://docs.discord.com/developers/reference
SEARCHED_CHARS = 8_000
_REPEATED_CHARS = 300
_NAME_CHARS = 60
# What opens as text; nothing that a double click would run on Windows as a batch file or script.
_ENDINGS = frozenset({
    "bib", "c", "conf", "cpp", "cs", "css", "csv", "diff", "go", "h", "html", "ics", "ini", "java",
    "json", "jsonl", "kt", "log", "lua", "md", "mjs", "patch", "php", "py", "r", "rb", "rs", "rst",
    "sh", "sql", "srt", "svg", "swift", "tex", "toml", "ts", "tsv", "txt", "vcf", "xml", "yaml",
    "yml",
})  # fmt: skip
_MADE = frozenset({"docx", "gif", "jpeg", "jpg", "pdf", "png", "webp", "xlsx", "zip"})


async def send_file(context: ToolContext, name: str, content: str, message: str = "") -> str:
    """Send the person a text file that you write, with a message; both are their answer.

    Args:
        name: With its ending, e.g. plan.md, table.csv, script.py.
        content: The whole text of the file.
        message: What you say to it.
    """
    name = _checked_name(name)
    if not content.strip():
        raise ModelMistake("content is empty; write the whole text of the file.")
    if len(content) > MOST_CHARS:
        raise ModelMistake(f"A file may have {MOST_CHARS:,} characters; send several, or less.")
    if not context.may_speak:
        return NOT_SENT
    file = AnswerFile(name=name, content=whole_characters(content).encode())
    context.draft.replies.append(Reply(text=message.strip() or f"`{name}`", file=file))
    return f"Sent as {name} ({len(content):,} characters)."


def file_tools() -> list[Tool]:
    """The function that sends files; like ``send_message`` it ends what there is to do."""
    return [make_tool(send_file, chains=False)]


def hand_over(context: ToolContext, file: AnswerFile) -> str:
    """Send what an own tool made, as a reply of its own; the words for the model.

    Raises:
        ModelMistake: It is not a file that may be sent.
    """
    name = _checked_name(file.name, _ENDINGS | _MADE)
    if not file.content:
        raise ModelMistake("The tool made an empty file; do without it.")
    if len(file.content) > MOST_BYTES:
        raise ModelMistake(f"{name} is larger than {MOST_BYTES:,} bytes and was not sent.")
    if not context.may_speak:
        return NOT_SENT
    context.draft.replies.append(Reply(text=f"`{name}`", file=replace(file, name=name)))
    return f"The person got {name} ({len(file.content):,} bytes)."


def said(replies: Iterable[Reply]) -> str:
    """What recall memory keeps of replies: their words, and as much of a file as is searched."""
    return "\n\n".join(part for reply in replies for part in _said(reply))


def as_repeated(result: ToolResult) -> ToolCall:
    """A call as later requests repeat it: of a file that was sent, its beginning and its size."""
    call = result.call
    if not result.ok or call.name != send_file.__name__:
        return call
    arguments = json.loads(call.arguments)
    arguments["content"] = cut_text(arguments["content"], _REPEATED_CHARS)
    return replace(call, arguments=json.dumps(arguments, ensure_ascii=False))


def _said(reply: Reply) -> list[str]:
    if reply.file is None or reply.file.text is None:
        return [reply.text]
    return [reply.text, f"{reply.file.name}:\n{cut_text(reply.file.text, SEARCHED_CHARS)}"]


def _checked_name(name: str, endings: Collection[str] = _ENDINGS) -> str:
    """The name without a folder and without what pings, hides or means something to a system."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = (char if char in "._-" or _is_of_a_word(char) else "-" for char in last)
    stem, _, ending = "".join(plain).rpartition(".")
    stem = stem.strip(".-")[:_NAME_CHARS]
    if not stem or ending.lower() not in endings:
        raise ModelMistake("name must end as a text file does, e.g. plan.md, table.csv, script.py.")
    return f"{stem}.{ending}"


def _is_of_a_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN"
