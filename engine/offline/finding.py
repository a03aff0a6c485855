"""Whether what memory returns answers a question: pure, by words.

An answer that has nothing to do with the question is worse than none, so a line or a hit counts
only when it holds what the question is about.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from engine.offline.scene import Done, read_day, show_day
from engine.offline.words import meanings, stems, words

_FOCUS: Final = re.compile(r"\b(?:my|your|our|his|her|their|\w+['’]s) (?:\w+ )*?(\w+)['’]s\b", re.I)
_OWN_NAME: Final = re.compile(r"\b(?:my (?:own )?name|who am i|what am i called)\b", re.I)
_ABOUT_ME: Final = re.compile(
    r"\b(?:know|remember|have|stored?) (?:anything |something )?about me\b", re.I
)
_FIRST_PERSON: Final = re.compile(r"\b(?:i|my|me|mine|myself|i'm|i've)\b", re.I)
_FACT_LINE: Final = re.compile(r'^"(.*)" \((.+)\)$')
_TOTAL: Final = re.compile(r"Showing \d+ of (\d+) results \(page (\d+)/(\d+)\):\s*")
_SENTENCE: Final = re.compile(r"[^.!?\n]*[^.!?\s\n][.!?]*")
_ARCHIVAL: Final = "archival_memory_search"
_NOT_PEOPLE: Final = frozenset({"", "assistant", "membot"})
_FEW_HITS: Final = 3
_MOST_HITS: Final = 5
_MOST_CHARS: Final = 700
_MOST_LINES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Words of somebody, with who said them and when; without a speaker a sentence of ours.

    Attributes:
        where: The place in a document they stand at, or "".
    """

    who: str
    when: str
    text: str
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        asker: Who asks; "my" means theirs.
    """

    text: str
    asker: str

    @property
    def is_own_name(self) -> bool:
        """Whether the asker's name is asked for."""
        return bool(_OWN_NAME.search(self.text)) and not _FOCUS.search(self.text)

    @property
    def is_about_asker(self) -> bool:
        """Whether everything about the asker is asked for."""
        return bool(_ABOUT_ME.search(self.text))

    @property
    def is_personal(self) -> bool:
        """Whether it is about the asker."""
        return bool(_FIRST_PERSON.search(self.text))

    def search_words(self) -> str:
        """The query for memory: "my" in it becomes the asker's name."""
        return f"{self.text} ({self.asker})" if self.is_personal and self.asker else self.text

    def matches(self, text: str, people: Iterable[str] = ()) -> bool:
        """Whether a text holds what the question is about."""
        focus = _FOCUS.search(self.text)
        if focus and not meanings(focus[1]) & meanings(text):
            return False
        wanted = meanings(self.text) - {item for name in people for item in stems(name)}
        return bool(wanted & meanings(text))

    def names(self, people: Iterable[str]) -> bool:
        """Whether it names one of them, and asks nothing narrower about somebody of theirs."""
        asked = {word.removesuffix("'s").removesuffix("’s") for word in words(self.text)}
        return not _FOCUS.search(self.text) and bool(asked & set(people))

    def weight(self, text: str) -> int:
        """How much of the question a text holds."""
        return len(meanings(self.text) & meanings(text))


def fact_line(text: str, day: str) -> str:
    """A line of core memory that quotes its person."""
    return f'"{text}" ({day})'


def name_in(lines: Sequence[str]) -> str:
    """The name that a block keeps, or ""."""
    for line in lines:
        if line.startswith("Name:"):
            return line.removeprefix("Name:").strip(" .")
    return ""


def from_core(question: Question, lines: Sequence[str], who: str) -> list[Quote]:
    """Lines of the asker's block that answer; newer ones first, the best one at least."""
    if not question.is_personal:
        return []
    fitting = [line for line in lines if question.matches(line, [who])]
    fitting = [line for line in fitting if not line.startswith("Name:")]
    best = max(map(question.weight, fitting), default=0)
    chosen = [line for line in reversed(fitting) if question.weight(line) == best]
    return [_line_quote(line, who) for line in chosen[:_MOST_LINES]]


def all_lines(lines: Sequence[str], who: str) -> list[Quote]:
    """Everything a block keeps."""
    return [_line_quote(line, who) for line in lines]


def best_line(text: str, lines: Sequence[str]) -> str:
    """The line that shares most with a text, or ""."""
    wanted = stems(text)
    best = max(lines, key=lambda line: len(wanted & stems(line)), default="")
    return best if wanted & stems(best) else ""


def your_name(name: str) -> Quote:
    """The sentence that tells people their name."""
    return Quote(who="", when="", text=f"Your name is {name}.")


def _line_quote(line: str, who: str) -> Quote:
    if line.startswith("Name:"):
        return your_name(name_in([line]))
    match = _FACT_LINE.match(line)
    return Quote(who=who, when=match[2] if match else "", text=match[1] if match else line)


def from_searches(question: Question, searches: Sequence[Done]) -> list[Quote]:
    """The best hits of a search's pages, where they have to do with the question.

    A question about somebody who speaks here is answered in the order of the search, which knows
    more than words, once any hit holds what it is about; any other only with hits that do.
    """
    hits = [hit for step in searches if step.ok for hit in _hits(step)]
    people = {hit.who for hit in hits} | {question.asker}
    usable = [hit for hit in dict.fromkeys(hits) if _is_usable(hit, question)]
    fitting = [hit for hit in usable if question.matches(f"{hit.where} {hit.text}", people)]
    if fitting and question.names(people) and not question.is_personal:
        return _few(usable)
    return _few(fitting)


def _few(hits: Sequence[Quote]) -> list[Quote]:
    """The first three, and up to two more where they are short.

    Measured on LoCoMo, words only: 66 % of the questions get a turn that answers with three, 68 %
    so, 74 % with five of any length.
    """
    few = list(hits[:_FEW_HITS])
    chars = sum(len(hit.text) for hit in few)
    for hit in hits[_FEW_HITS:_MOST_HITS]:
        chars += len(hit.text)
        if chars > _MOST_CHARS:
            break
        few.append(hit)
    return few


def _is_usable(hit: Quote, question: Question) -> bool:
    """Whether a hit is a statement, and the asker's own or a document's where "my" is asked for."""
    asked_itself = _normal(question.text) in _normal(hit.text)
    states = any(not item.rstrip().endswith("?") for item in _SENTENCE.findall(hit.text))
    theirs = question.asker in (hit.who, *words(hit.text))
    mine = bool(hit.where) or not question.is_personal or theirs
    return hit.who not in _NOT_PEOPLE and states and mine and not asked_itself


def has_more(searches: Sequence[Done]) -> bool:
    """Whether the last page that was read is followed by another."""
    match = _TOTAL.match(searches[-1].message) if searches else None
    return match is not None and int(match[2]) < int(match[3])


def _hits(step: Done) -> list[Quote]:
    match = _TOTAL.match(step.message)
    if not match:
        return []
    try:
        items, _ = json.JSONDecoder().raw_decode(step.message, match.end())
    except ValueError:
        return []
    return [
        Quote(
            who=str(item.get("who") or ""),
            when=show_day(read_day(str(item.get("time", "")))),
            text=str(item.get("text", "")),
            where=str(item.get("where") or "") if step.tool == _ARCHIVAL else "",
        )
        for item in items
        if isinstance(item, dict)
    ]


def _normal(text: str) -> str:
    return " ".join(words(text.lower()))
