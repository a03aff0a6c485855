"""What to do next in a scene: which tool, or which words. Pure; quotes and generates nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.offline.finding import (
    Question,
    Quote,
    all_lines,
    best_line,
    fact_line,
    from_core,
    from_searches,
    has_more,
    name_in,
    your_name,
)
from engine.offline.listening import Heard
from engine.offline.scene import CoreBlock, Scene, show_day

Move = tuple[str, dict[str, Any]]

DEMONSTRATION: Final = (
    "(I am a demonstration without a language model: I keep what you tell me and quote it back, "
    "and make up nothing.)"
)
_ABOUT: Final = (
    "I am membot's demonstration brain. Tell me things, ask me to remember something, or ask what "
    "was said; I answer with quotes from memory."
)
_NOTHING_FOUND: Final = "I looked through my memory and found nothing about that."
_FORGOTTEN: Final = (
    "I took that out of core memory. It is still in the transcript; the forget command erases it."
)
_SAVING: Final = ("core_memory_append", "core_memory_replace", "archival_memory_insert")
_QUIET_MINUTES: Final = 60
_LONGEST_QUOTE_CHARS: Final = 600
_ENOUGH_QUOTES: Final = 3
_MOST_PAGES: Final = 3  # this bot's own words are hits too, and no answers
_MOST_STEPS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A scene with what was heard in it."""

    scene: Scene
    heard: Heard
    tools: Collection[str]

    def call(self, tool: str, **arguments: Any) -> list[Move]:  # noqa: ANN401 - any JSON value
        """A tool call that comes back, where the tool is offered."""
        if tool not in self.tools:
            return []
        return [(tool, {**arguments, "request_heartbeat": True})]


def next_moves(scene: Scene, heard: Heard, tools: Collection[str]) -> list[Move]:
    """The calls of the next step; a ``send_message`` ends the turn."""
    if scene.alerted and scene.has_answered:
        return [("pause_heartbeats", {"minutes": 1})]
    if scene.kind != "user_message":
        return _event_moves(scene)
    moment = Moment(scene=scene, heard=heard, tools=tools)
    if len(scene.done) < _MOST_STEPS:
        moves = _save(moment) or _look(moment)
        if moves:
            return moves
    return _send(scene, _answer(moment))


def _event_moves(scene: Scene) -> list[Move]:
    """Answers to events that are no message."""
    match scene.kind:
        case "timer":
            return _send(scene, f"You asked me to come back to this: {scene.text}")
        case "file_upload":
            return _send(scene, f"I have the file. {scene.text}".strip())
        case "login" | "none":
            return _send(scene, f"Hello{_comma(scene.name)}.")
        case _:
            return [("pause_heartbeats", {"minutes": _QUIET_MINUTES})]


def _send(scene: Scene, text: str) -> list[Move]:
    shown = f"{text}\n\n{DEMONSTRATION}" if scene.first else text
    return [("send_message", {"message": shown})]


def _save(moment: Moment) -> list[Move]:
    """Keep what was told, once; what core memory refuses goes to archival memory."""
    scene, heard = moment.scene, moment.heard
    saved = [step for step in scene.done if step.tool in _SAVING]
    if saved:
        refused = [step for step in saved if not step.ok and step.tool.startswith("core_memory")]
        archived = scene.results("archival_memory_insert")
        return [] if not refused or archived else _archive(moment, "\n".join(heard.facts))
    if heard.forget:
        return _forget(moment)
    if heard.keep:
        own = heard.keep.lower().startswith(("i ", "i'm ", "my "))
        core = _append(moment, [heard.keep]) if own else []
        return core + _archive(moment, heard.keep)
    block = scene.own_block()
    facts = [fact for fact in heard.facts if not _is_known(fact, block)]
    return _save_name(moment, block) + (_append(moment, facts) if facts else [])


def _forget(moment: Moment) -> list[Move]:
    """Take the line of core memory away that holds most of what is to be forgotten."""
    block = moment.scene.own_block()
    line = best_line(moment.heard.forget, block.lines if block else ())
    if not line:
        return []
    return moment.call("core_memory_replace", label="human", old_content=line, new_content="")


def _save_name(moment: Moment, block: CoreBlock | None) -> list[Move]:
    told, known = moment.heard.name, name_in(block.lines if block else ())
    if not told or told == known:
        return []
    if known:
        old, new = f"Name: {known}.", f"Name: {told}."
        return moment.call("core_memory_replace", label="human", old_content=old, new_content=new)
    return moment.call("core_memory_append", label="human", content=f"Name: {told}.")


def _append(moment: Moment, facts: Sequence[str]) -> list[Move]:
    day = show_day(moment.scene.day)
    content = "\n".join(fact_line(fact.strip(" .!,;"), day) for fact in facts)
    block = moment.scene.own_block()
    if block and len(content) >= block.room_chars:
        return _archive(moment, "\n".join(facts))
    return moment.call("core_memory_append", label="human", content=content)


def _archive(moment: Moment, text: str) -> list[Move]:
    said = f'{moment.scene.name or "Somebody"} said on {show_day(moment.scene.day)}: "{text}"'
    return moment.call("archival_memory_insert", content=said)


def _is_known(fact: str, block: CoreBlock | None) -> bool:
    return block is not None and any(fact.strip(" .!,;") in line for line in block.lines)


def _question(moment: Moment) -> Question:
    return Question(text=moment.heard.question, asker=moment.scene.name)


def _look(moment: Moment) -> list[Move]:
    """Search where core memory has no answer: recall memory first, some pages, then archival."""
    question, scene = _question(moment), moment.scene
    if not question.text or _from_core(moment) or moment.heard.talk:
        return []
    recalled = scene.results("conversation_search")
    if not recalled:
        return moment.call("conversation_search", query=question.search_words(), page=0)
    found = from_searches(question, recalled)
    page = len(recalled)
    if len(found) < _ENOUGH_QUOTES and page < _MOST_PAGES and has_more(recalled):
        return moment.call("conversation_search", query=question.search_words(), page=page)
    if not found and not scene.results("archival_memory_search"):
        return moment.call("archival_memory_search", query=question.search_words(), page=0)
    return []


def _from_core(moment: Moment) -> list[Quote]:
    block = moment.scene.own_block()
    question = _question(moment)
    if block is None:
        return []
    if question.is_own_name and name_in(block.lines):
        return [your_name(name_in(block.lines))]
    if question.is_about_asker:
        return all_lines(block.lines, moment.scene.name)
    return from_core(question, block.lines, moment.scene.name)


def _answer(moment: Moment) -> str:
    """The words of the reply."""
    heard, scene = moment.heard, moment.scene
    parts = [_acknowledged(moment)]
    if heard.talk == "about":
        parts.append(_ABOUT)
    elif heard.talk == "small":
        parts.append("I am well, thank you.")
    elif heard.talk == "thanks":
        parts.append("You are welcome.")
    elif heard.question:
        parts.append(_found(moment))
    told = " ".join(part for part in parts if part)
    if told:
        return told
    return f"Hello{_comma(scene.name)}." if heard.greets else "I see."


def _acknowledged(moment: Moment) -> str:
    heard, scene = moment.heard, moment.scene
    kept = [step for step in scene.done if step.tool in _SAVING]
    if kept and not any(step.ok for step in kept):
        return "I could not store that, but it stays in our conversation."
    if heard.forget:
        return _FORGOTTEN if kept else "I keep nothing like that in core memory."
    if heard.keep:
        return "I will remember that."
    greeting = f"Nice to meet you, {heard.name}." if heard.name and scene.done else ""
    if heard.facts and scene.done:
        return f"{greeting} I will remember what you told me.".strip()
    return greeting


def _found(moment: Moment) -> str:
    """The answer to a question: quotes with who and when, or that there are none."""
    question, scene = _question(moment), moment.scene
    searches = [*scene.results("conversation_search"), *scene.results("archival_memory_search")]
    quotes = _from_core(moment) or from_searches(question, searches)
    if not quotes:
        return _NOTHING_FOUND
    shown = [_quoted(quote, scene.name) for quote in quotes]
    return shown[0] if len(shown) == 1 else "\n".join(f"- {line}" for line in shown)


def _quoted(quote: Quote, asker: str) -> str:
    text = quote.text
    if not quote.who:
        return text
    if len(text) > _LONGEST_QUOTE_CHARS:
        text = text[:_LONGEST_QUOTE_CHARS] + "…"
    if " said on " in text and text.endswith('"'):
        return text  # a passage that is a quote already
    if quote.where:
        return f'{quote.where}: "{text}"'
    who = "You" if quote.who == asker else quote.who
    return f'{who} said on {quote.when}: "{text}"' if quote.when else f'{who} said: "{text}"'


def _comma(name: str) -> str:
    return f", {name}" if name else ""
