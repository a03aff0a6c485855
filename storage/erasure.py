"""What belongs to a person who is to be forgotten; pure rules, whatever the database.

Where it cannot be told whose words something holds, it counts as theirs.
"""

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import BadRequest

__all__ = [
    "Forms",
    "PastValue",
    "Person",
    "blotted",
    "cleaned",
    "forms_of",
    "holds_words",
    "unquoted",
]

_SHORTEST_QUOTE_CHARS = 8
_BLOT = "[forgotten]"
_DEEPEST = 3  # a result of a search is JSON in the JSON of a message
Forms = dict[str, list[str]]  # what somebody said, by its first characters
_EVERY_TEAM = "*"
_QUOTE = "in_reply_to"


@dataclass(frozen=True, slots=True)
class Person:
    """Recognises the keys of one person.

    Discord users are global: ``discord:111/222`` has direct messages under ``discord:*/222``,
    and ``discord:*/222`` stands for the person in every guild.
    """

    platform: str
    team: str
    user: str

    @classmethod
    def of(cls, principal: str) -> "Person":
        """The person that a principal key names.

        Raises:
            BadRequest: It is not the key of a person.
        """
        tenant, slash, user = principal.partition("/")
        platform, colon, team = tenant.partition(":")
        if not (slash and colon and platform and team and user) or "/" in user:
            raise BadRequest(f"'{principal}' is not a person; write for example slack:T1/U2.")
        return cls(platform, team, user)

    def is_key(self, principal: str) -> bool:
        """Whether a principal key is one of theirs."""
        tenant, _, user = principal.partition("/")
        return user == self.user and self._covers(tenant)

    def owns_agent(self, agent_id: str) -> bool:
        """Whether an agent is theirs alone."""
        tenant = agent_id.partition("/")[0]
        return agent_id.endswith(f"/user/{self.user}") and self._covers(tenant)

    def _covers(self, tenant: str) -> bool:
        platform, _, team = tenant.partition(":")
        if platform != self.platform:
            return False
        if platform == "discord":
            return team in (self.team, _EVERY_TEAM) or self.team == _EVERY_TEAM
        return team == self.team


@dataclass(frozen=True, slots=True)
class PastValue:
    """One version of a block."""

    value: str
    theirs: bool


def cleaned(history: Sequence[PastValue]) -> list[str]:
    """Each version of a block without the lines that came from the person.

    A line is theirs when a version of theirs brought it, and so is what later replaced it, but not
    what stood there before. When nothing else is left of the last version, it is the last one they
    had no part in.
    """
    tainted: set[str] = set()
    clean: set[str] = set()
    before: list[str] = []
    values: list[str] = []
    untouched = ""
    for version in history:
        lines = version.value.splitlines()
        new = _new_tainted(before, lines, tainted, theirs=version.theirs)
        tainted |= new if version.theirs else new - clean
        clean |= set(lines) - tainted
        values.append("\n".join(line for line in lines if line not in tainted))
        if not version.theirs and values[-1] == version.value:
            untouched = version.value
        before = lines
    if values and not values[-1].strip() and before:
        values[-1] = "\n".join(line for line in untouched.splitlines() if line not in tainted)
    return values


def _new_tainted(
    before: Sequence[str], lines: Sequence[str], tainted: Collection[str], *, theirs: bool
) -> set[str]:
    known = set(before)
    if theirs:
        return {line for line in lines if line.strip() and line not in known}
    matcher = difflib.SequenceMatcher(None, before, lines, autojunk=False)
    return {
        line
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag == "replace" and any(old in tainted for old in before[i1:i2])
        for line in lines[j1:j2]
        if line.strip() and line not in known
    }


def holds_words(text: str, said: Iterable[str]) -> bool:
    """Whether a text repeats something they said word for word."""
    return any(len(words) >= _SHORTEST_QUOTE_CHARS and words in text for words in said)


def forms_of(said: Iterable[str]) -> Forms:
    """Words as they are, and as they stand in JSON and in JSON within JSON, by their beginnings."""
    forms: set[str] = set()
    for words in said:
        for plain in (False, True):
            form = words
            for _ in range(_DEEPEST):
                forms.add(form)
                form = json.dumps(form, ensure_ascii=plain)[1:-1]
    by_beginning: Forms = {}
    for form in sorted(forms, key=len, reverse=True):
        by_beginning.setdefault(form[:_SHORTEST_QUOTE_CHARS], []).append(form)
    return by_beginning


def blotted(text: str, forms: Forms) -> str:
    """A text without what it repeats; JSON stays such, also where it stands in JSON."""
    if text[:1] in {"{", "["}:
        try:
            return json.dumps(_blotted_parts(json.loads(text), forms), ensure_ascii=False)
        except ValueError:
            pass  # it only looks like JSON
    beginnings = {text[at : at + _SHORTEST_QUOTE_CHARS] for at in range(len(text))}
    for beginning in forms.keys() & beginnings:
        for form in forms[beginning]:
            text = text.replace(form, _BLOT)
    return text


def _blotted_parts(value: Any, forms: Forms) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return blotted(value, forms)
    if isinstance(value, list):
        return [_blotted_parts(one, forms) for one in value]
    if isinstance(value, dict):
        return {name: _blotted_parts(one, forms) for name, one in value.items()}
    return value


def unquoted(payload: str, is_theirs: Callable[[str, str], bool]) -> str:
    """Another person's stored entry without its quote, where that quotes the forgotten person.

    Args:
        payload: The JSON object that a model is sent.
        is_theirs: Judges a quote by name and text.
    """
    if _QUOTE not in payload:
        return payload
    entry = _object(payload)
    envelope = _object(entry.get("content"))
    quote = envelope.get(_QUOTE)
    if not isinstance(quote, dict):
        return payload
    if not is_theirs(str(quote.get("name", "")), str(quote.get("message", ""))):
        return payload
    del envelope[_QUOTE]
    entry["content"] = json.dumps(envelope, ensure_ascii=False)
    return json.dumps(entry, ensure_ascii=False)


def _object(text: object) -> dict[str, Any]:
    if not isinstance(text, str):
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
