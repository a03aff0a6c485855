"""The sentences of the commands, one file a language, read when somebody first needs it.

``en.toml`` has every sentence; another language says what it can, and English stands in for the
rest. What commands and their options are for stands in English in the command table.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bots.adapter import CommandSpec

SOURCE = "en"
LANGUAGES = (SOURCE, "de", "fr", "es", "ja", "zh")


def language_of(locale: str) -> str:
    """The language that a platform's locale means, English where we have no other.

    Args:
        locale: As Discord (``zh-CN``), Slack (``de-DE``) or a terminal (``fr_FR.UTF-8``) has it.
    """
    language = locale.replace("_", "-").split("-")[0].split(".")[0].lower()
    return language if language in LANGUAGES else SOURCE


def text(locale: str, key: str, **values: object) -> str:
    """A sentence in a person's language.

    Args:
        locale: Theirs.
        key: Section and name, e.g. ``stop.done``.
        values: What its placeholders stand for.
    """
    section, _, name = key.partition(".")
    own = _sentences(language_of(locale)).get(section, {}).get(name)
    return (own or _sentences(SOURCE)[section][name]).format(**values)


def summary(locale: str, spec: "CommandSpec") -> str:
    """What a command does, in a person's language."""
    told = named(locale, "commands", spec.words)
    return spec.summary if told == spec.words else told


def named(locale: str, section: str, name: str) -> str:
    """What a thing of the product is called in a person's language; its name where we have none."""
    return _sentences(language_of(locale)).get(section, {}).get(name, name)


@cache
def _sentences(language: str) -> Mapping[str, Mapping[str, str]]:
    file = files(__package__).joinpath(f"{language}.toml")
    found: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return found
