"""Every language says the same things, and people read their own."""

import re
import tomllib
from importlib.resources import files

import pytest

from bots.command_table import COMMANDS, help_text
from bots.texts import LANGUAGES, SOURCE, language_of, text
from tests.bots.processes import membot

OTHERS = [language for language in LANGUAGES if language != SOURCE]
PLACEHOLDERS = re.compile(r"\{\w*\}|`[^`{]+`")


def sentences(language):
    file = files("bots.texts").joinpath(f"{language}.toml")
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return {(section, name): line for section in table for name, line in table[section].items()}


ENGLISH = sentences(SOURCE) | {("commands", spec.words): spec.summary for spec in COMMANDS}


@pytest.mark.parametrize("language", OTHERS)
class TestALanguage:
    def test_says_nothing_that_english_does_not(self, language):
        assert set(sentences(language)) - set(ENGLISH) == set()

    @pytest.mark.behaviour("command.locale", "discord", "slack", "terminal")
    def test_says_what_every_command_does(self, language):
        described = {name for section, name in sentences(language) if section == "commands"}
        assert {spec.words for spec in COMMANDS} - described == set()

    def test_says_help_and_every_common_answer(self, language):
        common = {key for key in ENGLISH if key[0] in {"help", "answer", "stop", "new", "approve"}}
        assert common - set(sentences(language)) == set()

    def test_fills_in_the_same_values_and_leaves_commands_as_they_are_typed(self, language):
        for key, line in sentences(language).items():
            expected = sorted(PLACEHOLDERS.findall(ENGLISH[key]))
            assert sorted(PLACEHOLDERS.findall(line)) == expected, key

    def test_is_translated(self, language):
        same = {key for key, line in sentences(language).items() if line == ENGLISH[key]}
        assert same - {("status", "version")} == set()


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
    assert "- `memory show [topic]`: Was ich hier im Kopf habe" in told


@pytest.mark.behaviour("command.locale", "terminal")
async def test_the_terminal_speaks_its_own_language(tmp_path):
    ended = await membot(tmp_path, "chat", text="/help\n", LANG="fr_FR.UTF-8")
    assert ended.out.startswith("Je retiens ce qu'on me dit.")


def test_an_unknown_sentence_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        text("de", "stop.nonsense")
