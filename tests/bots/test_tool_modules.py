"""How own tools are found, and how what cannot be used is refused."""

import importlib
import sys
from importlib.metadata import EntryPoint

import pytest

import bots.tool_modules
from bots.config_file import ToolsTable
from bots.tool_modules import find_own_tools

GOOD = '''
__all__ = ["add", "now"]

def add(first: int, second: int) -> int:
    """Add two numbers."""
    return first + second

async def now() -> str:
    """Tell the time."""
    return "late"

def not_listed():
    pass
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


@pytest.fixture
def found(folder):
    def find(text=GOOD, name="own_tools_here", **table):
        (folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        return find_own_tools(ToolsTable(modules=[name], **table), folder)

    return find


def names(own):
    return [tool.spec.name for tool in own.tools]


class TestAModule:
    def test_beside_the_configuration_gives_what_its_all_lists(self, found):
        own = found()
        assert names(own) == ["add", "now"]
        assert own.problems == ()

    def test_gives_tools_with_the_limits_of_the_table(self, found):
        own = found(places=["slack:T1/*"], admins_only=True, approve=["ad*"])
        assert [tool.asks_first for tool in own.tools] == [True, False]
        assert all(tool.admins_only for tool in own.tools)
        assert {tool.places for tool in own.tools} == {("slack:T1/*",)}

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("import own_nothing", "own_x cannot be imported: ModuleNotFoundError: No module"),
            ("raise SystemExit(3)", "The tools of own_x cannot be imported: SystemExit: 3."),
            ("x = 1", "own_x cannot be used: list the functions in the module's __all__."),
            ("__all__ = ['gone']", "its __all__ names gone, which it does not have."),
            ("__all__ = ['f']\ndef f(): pass", "own_x.f is no tool: it has no docstring"),
            ("__all__ = ['send_message']\ndef send_message():\n    'Say.'", "this name already"),
        ],
    )
    def test_that_cannot_be_used_is_one_sentence(self, found, text, words):
        (sentence,) = found(text, "own_x").problems
        assert words in sentence
        assert "\n" not in sentence
        assert sentence.endswith(".")

    def test_that_is_not_there_is_one_sentence(self, folder):
        (sentence,) = find_own_tools(ToolsTable(modules=["own_gone"]), folder).problems
        assert "No module named 'own_gone'" in sentence

    def test_does_not_hide_what_is_installed(self, found):
        assert names(found("__all__ = []", "json")) == []
        assert importlib.import_module("json").dumps(1) == "1"

    def test_all_problems_are_reported_together(self, folder):
        table = ToolsTable(modules=["own_gone", "own_lost"], approve=["ad"])
        assert len(find_own_tools(table, folder).problems) == 3

    def test_approve_must_name_a_tool(self, found):
        (sentence,) = found(approve=["add", "nwo"]).problems
        assert sentence == "tools.approve names nwo, which is no own tool; the nearest is now."


class TestAnEntryPoint:
    @pytest.mark.parametrize("value", ["own_installed", "own_installed:add"])
    def test_may_name_a_module_or_a_function(self, folder, monkeypatch, value):
        (folder / "own_installed.py").write_text(GOOD)
        point = EntryPoint(name="installed", value=value, group="membot.tools")
        monkeypatch.setattr(bots.tool_modules, "entry_points", lambda group: [point])
        own = find_own_tools(ToolsTable(), folder)
        assert names(own)[0] == "add"
        assert list(own.by_source) == ["installed"]
        assert own.problems == ()

    def test_cannot_take_the_name_of_another_tool(self, folder, found, monkeypatch):
        (folder / "own_installed.py").write_text(GOOD)
        point = EntryPoint(name="installed", value="own_installed:add", group="membot.tools")
        monkeypatch.setattr(bots.tool_modules, "entry_points", lambda group: [point])
        (sentence,) = found().problems
        assert sentence.startswith("installed.add is no tool: another tool has this name")
