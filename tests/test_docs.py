"""What is written down and what the code does: one cannot change without the other."""

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from bench.behaviours import PAGE as CHAT
from bench.behaviours import behaviours, marks, page, problem_with
from bench.tool_table import PAGE, with_table
from bots.config_file import ConfigFile, ToolsTable
from bots.settings import environment_fields
from bots.tool_modules import find_own_tools

ROOT = Path(__file__).parent.parent


def example_lines():
    return (ROOT / ".env.example").read_text().splitlines()


class TestEnvironmentExample:
    def test_names_every_variable_with_its_default(self):
        given = dict(
            line.removeprefix("#").split("=", 1)
            for line in example_lines()
            if re.match(r"#[A-Z_]+=", line)
        )
        assert given == {name: default for name, (default, _, _) in environment_fields().items()}

    @pytest.mark.parametrize("name", environment_fields())
    def test_says_what_each_means_and_accepts(self, name):
        default, meaning, accepted = environment_fields()[name]
        lines = example_lines()
        place = lines.index(f"#{name}={default}")
        expected = [f"# {meaning}", f"# Accepted: {accepted}. Default: {default or 'unset'}."]
        assert lines[place - 2 : place] == expected

    def test_there_are_fewer_than_thirty(self):
        assert len(environment_fields()) < 30


class TestConfigExample:
    def test_is_accepted_and_shows_every_table_and_key(self):
        tables = tomllib.loads((ROOT / "membot.toml.example").read_text())
        config = ConfigFile.model_validate(tables)
        assert set(tables) == set(ConfigFile.model_fields)
        text = (ROOT / "membot.toml.example").read_text()
        for name, model in _models(config):
            for key, field in model.model_fields.items():
                known = field.alias or key
                assert re.search(
                    rf"^(# )?{known} = |^\[{name}\.{known}\]|\.{known}\b", text, re.M
                ), f"{name}.{known}"

    def test_its_plain_tables_show_the_defaults(self):
        tables = tomllib.loads((ROOT / "membot.toml.example").read_text())
        config, defaults = ConfigFile.model_validate(tables), ConfigFile()
        for name in ("memory", "heartbeats", "quiet_hours", "tools", "documents", "retention"):
            assert getattr(config, name) == getattr(defaults, name)


def blocks(page, language):
    """The code of one language on a page of docs/."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


@pytest.mark.parametrize("page", ["blocks.md", "tools.md"])
def test_configurations_on_the_page_are_accepted(page):
    for text in blocks(page, "toml"):
        ConfigFile.model_validate(tomllib.loads(text))


def test_the_tool_in_ten_lines_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_tools.py").write_text(blocks("tools.md", "python")[0])
    own = find_own_tools(ToolsTable(modules=["my_tools"]), tmp_path)
    assert own.problems == ()
    (tool,) = own.tools
    assert (tool.spec.name, tool.spec.parameters["required"]) == ("roll_dice", [])
    del sys.modules["my_tools"]


def test_the_page_of_tools_has_the_table_of_now():
    text = PAGE.read_text()
    assert with_table(text) == text, "run: python -m bench.tool_table"
    assert "| `send_message` | `message` |" in text


def _models(config):
    for name in ConfigFile.model_fields:
        value = getattr(config, name)
        for one in (
            value.values()
            if isinstance(value, dict)
            else value
            if isinstance(value, list)
            else [value]
        ):
            yield name, type(one)


class TestTheTableOfBehaviours:
    def test_marks_name_behaviours_and_surfaces_that_there_are(self):
        known = behaviours()
        assert not [
            problem_with(known, (one.behaviour, one.surface))
            for one in marks()
            if problem_with(known, (one.behaviour, one.surface))
        ]

    def test_is_that_of_the_marks(self):
        assert CHAT.read_text() == page(marks()), "run: python -m bench.behaviours --marks"


class TestLock:
    def lines(self):
        return (ROOT / "requirements.lock").read_text().splitlines()

    def test_pins_every_dependency_exactly(self):
        assert all(re.match(r"[A-Za-z0-9._-]+==[^ ;]+( ; .+)?$", line) for line in self.lines())

    def test_covers_what_the_project_names(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        named = [
            *project["project"]["dependencies"],
            *chain.from_iterable(project["project"]["optional-dependencies"].values()),
            *project["dependency-groups"]["dev"],
        ]
        pinned = {re.split("==", line)[0].replace("_", "-").lower() for line in self.lines()}
        wanted = {
            re.split(r"[<>=\[ ;]", name)[0].replace(".", "-").replace("_", "-").lower()
            for name in named
        }
        assert {name.replace(".", "-") for name in pinned} >= wanted

    def test_leaves_gpu_libraries_out(self):
        assert not [line for line in self.lines() if line.startswith(("nvidia", "cuda", "triton"))]
        assert "torch==2.13.0" in self.lines()

    def test_names_no_host(self):
        assert not [line for line in self.lines() if "://" in line or line.startswith("-")]
