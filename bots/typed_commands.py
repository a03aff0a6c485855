"""Typed words to a command of the table; pure."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bots.adapter import Choice, CommandAnswer, CommandSpec
from bots.command_table import usage
from bots.texts import SOURCE, text
from engine.errors import BadRequest

_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
_YES = " --yes"
_COMMAND = re.compile(r"!([^\W\d_][\s\S]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A row of the table with what was typed for its options; ``--yes`` is its second step."""

    spec: CommandSpec
    arguments: dict[str, str]
    confirmed: bool = False


def words_of(said: str) -> str | None:
    """What follows the exclamation mark of a text command, or None for other text."""
    found = _COMMAND.fullmatch(said.strip())
    return found.group(1) if found else None


def parse(typed: str, table: Sequence[CommandSpec], locale: str = SOURCE) -> Parsed:
    """Find the command and its options, given by place or as ``name:value``.

    Args:
        typed: Everything after ``/membot`` or ``!``; nothing means ``help``.
        table: The command table.
        locale: Of who typed it.

    Raises:
        BadRequest: With a sentence that names the nearest command or the missing option.
    """
    typed = typed.translate(_QUOTES).strip() or "help"
    confirmed = typed.endswith(_YES)
    typed = typed.removesuffix(_YES)
    spec = _longest_match(typed, table)
    if spec is None:
        raise BadRequest(_unknown(typed, table, locale))
    rest = typed.split(maxsplit=len(spec.words.split()))[len(spec.words.split()) :]
    arguments = _arguments(rest[0] if rest else "", spec, locale)
    missing = [name for name in spec.options if not name.endswith("?") and name not in arguments]
    if missing:
        raise BadRequest(text(locale, "typed.missing", option=missing[0], usage=usage(spec)))
    return Parsed(spec=spec, arguments=arguments, confirmed=confirmed)


def typed_form(choice: Choice) -> str:
    """What to type instead of pressing a button; `parse` reads it."""
    words = [choice.command, *(_typed(name, value) for name, value in choice.arguments.items())]
    return " ".join([*words, *([_YES.strip()] if choice.confirmed else [])])


def with_typed_choices(answer: CommandAnswer, sign: str, locale: str) -> str:
    """An answer's text with what to type in the place of its buttons, each after the sign."""
    lines = [f"{choice.label}: `{sign}{typed_form(choice)}`" for choice in answer.choices]
    if answer.confirm:
        lines.insert(0, f"{answer.confirm}: {text(locale, 'typed.again')}")
    return "\n".join([answer.text, *lines])


def _typed(name: str, value: str) -> str:
    return f"{name}:{value}" if re.fullmatch(r'[^\s"]+', value) else f'{name}:"{value}"'


def _longest_match(typed: str, table: Sequence[CommandSpec]) -> CommandSpec | None:
    heard = typed.casefold().split()
    fitting = [spec for spec in table if heard[: len(spec.words.split())] == spec.words.split()]
    return max(fitting, key=lambda spec: len(spec.words.split()), default=None)


def _unknown(typed: str, table: Sequence[CommandSpec], locale: str) -> str:
    heard = typed.casefold().split()
    group = [spec.words for spec in table if spec.words.split()[0] == heard[0]]
    if group and len(heard) == 1:
        return text(locale, "typed.which", commands=", ".join(f"`{words}`" for words in group))
    names = [spec.words for spec in table]
    near = difflib.get_close_matches(" ".join(heard[:2]), names, n=1, cutoff=0.5) or (
        difflib.get_close_matches(heard[0], names, n=1, cutoff=0.5)
    )
    return text(locale, "typed.near" if near else "typed.unknown", near="".join(near))


def _arguments(rest: str, spec: CommandSpec, locale: str) -> dict[str, str]:
    names = [name.removesuffix("?") for name in spec.options]
    named, places = _named(rest, names)
    open_names = [name for name in names if name not in named]
    if places and not open_names:
        raise BadRequest(text(locale, "typed.too_much", usage=usage(spec)))
    return named | _by_place(places, open_names)


def _named(rest: str, names: Sequence[str]) -> tuple[dict[str, str], str]:
    """Options written ``name:value`` or ``name:"several words"``, and the text without them."""
    if not names:
        return {}, rest
    either = "|".join(map(re.escape, names))
    pattern = re.compile(rf'(?:^|(?<=\s))({either}):(?:"([^"]*)"|(\S+))')
    named = {
        name: quoted or plain for name, quoted, plain in pattern.findall(rest) if quoted or plain
    }
    return named, pattern.sub("", rest).strip()


def _by_place(rest: str, names: Sequence[str]) -> dict[str, str]:
    """Words in the order of the options; the last option takes all that is left."""
    values: dict[str, str] = {}
    for number, name in enumerate(names):
        value, rest = _next_word(rest, last=number == len(names) - 1)
        if value:
            values[name] = value
    return values


def _next_word(rest: str, *, last: bool) -> tuple[str, str]:
    quoted = re.match(r'"([^"]*)"(?:\s+|$)', rest)
    if quoted and (not last or quoted.end() == len(rest)):
        return quoted.group(1), rest[quoted.end() :]
    if last:
        return rest, ""
    first, _, others = rest.partition(" ")
    return first, others.strip()
