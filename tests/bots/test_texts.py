"""Every language says the same things, and people read their own."""

import ast
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import bots
from bots.command_table import COMMANDS, help_text
from bots.texts import LANGUAGES, SOURCE, language_of, text
from tests.bots.processes import membot

OTHERS = [language for language in LANGUAGES if language != SOURCE]
WORDS = {"commands", "counted", "offered"}  # looked up by names of the product, and not by a key
OF_ADMINS = {
    *("reset", "whom", "allow", "deny", "budget", "retention", "usage", "audit", "backup"),
    *("mode", "map", "persona", "block"),
}
KEY = re.compile(r"([a-z_]+)\.((?:[a-z_]|\\w\+)+)(?<!_)(?<!\.md)(?<!\.zip)")
PLACEHOLDERS = re.compile(r"`[^`]+`|\{[^}]*\}")


def sentences(language):
    file = files("bots.texts").joinpath(f"{language}.toml")
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return {(section, name): line for section in table for name, line in table[section].items()}


OFFERED = {
    line for spec in COMMANDS for line in (*spec.options.values(), spec.menu, "The file") if line
}
ENGLISH = (
    sentences(SOURCE)
    | {("commands", spec.words): spec.summary for spec in COMMANDS}
    | {("offered", line): line for line in OFFERED}
)
NAMES = {section: [name for of, name in ENGLISH if of == section] for section, _ in ENGLISH}


def keys_in_code():
    """Section and name of every key that a module has, the filled-in part of one as a pattern."""
    for module in Path(bots.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if found := KEY.fullmatch(_literal(node)):
                yield found.groups()


def _literal(node):
    if isinstance(node, ast.JoinedStr):
        return "".join(_literal(part) or r"\w+" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.parametrize("language", OTHERS)
class TestALanguage:
    def test_says_nothing_that_english_does_not(self, language):
        assert set(sentences(language)) - set(ENGLISH) == set()

    @pytest.mark.behaviour("command.locale", "discord", "slack", "terminal")
    def test_says_what_every_command_does(self, language):
        described = {name for section, name in sentences(language) if section == "commands"}
        assert {spec.words for spec in COMMANDS} - described == set()

    def test_says_all_that_people_read_every_day(self, language):
        daily = {key for key in ENGLISH if key[0] not in OF_ADMINS}
        assert daily - set(sentences(language)) == set()

    def test_fills_in_the_same_values_and_leaves_commands_as_they_are_typed(self, language):
        for key, line in sentences(language).items():
            expected = sorted(PLACEHOLDERS.findall(ENGLISH[key]))
            assert sorted(PLACEHOLDERS.findall(line)) == expected, key

    def test_is_translated(self, language):
        own = sentences(language)
        same = {key for key in own if own[key] == ENGLISH[key] and key[0] not in WORDS}
        assert same - {("status", "version")} == set()


class TestSentencesOfTheCode:
    def test_each_one_that_is_asked_for_is_there(self):
        asked = {key for key in keys_in_code() if key[0] in NAMES}
        missing = {
            (section, name)
            for section, name in asked
            if not any(re.fullmatch(name, known) for known in NAMES[section])
        }
        assert missing == set()

    def test_each_one_that_is_there_is_asked_for(self):
        asked = [re.compile(rf"{section}\.{name}") for section, name in keys_in_code()]
        english = {key for key in sentences(SOURCE) if key[0] not in WORDS}
        unused = {key for key in english if not any(one.fullmatch(".".join(key)) for one in asked)}
        assert unused == set()


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"),
        ("fr_FR.UTF-8", "fr"),
        ("es-419", "es"),
        ("ja", "ja"),
        ("zh-TW", "zh"),
        ("C.UTF-8", "en"),
        ("pl-PL", "en"),
        ("", "en"),
    ],
)
def test_a_locale_of_any_platform_means_a_language(locale, language):
    assert language_of(locale) == language


def test_help_is_in_the_persons_language():
    told = help_text(admin=False, locale="de-DE")
    assert told.startswith("Ich merke mir")
    assert "- `/memory show [topic]`: Was ich hier im Kopf habe" in told


@pytest.mark.behaviour("command.locale", "terminal")
async def test_the_terminal_speaks_its_own_language(tmp_path):
    typed = "/help\n/memory show\n/memory forget tea\n/memory\n"
    ended = await membot(tmp_path, "chat", text=typed, LANG="de_DE.UTF-8")
    assert ended.out.startswith("Ich merke mir, was man mir sagt.")
    assert "Hier erinnere ich mich noch an nichts;" in ended.out
    assert "Hier enthält nichts, was du ändern darfst, diese Wörter" in ended.out
    assert "Sag, welchen: `memory show`, " in ended.out


def test_an_unknown_sentence_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        text("de", "stop.nonsense")
