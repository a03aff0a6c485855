"""Finds the operator's own tools: modules named in ``membot.toml``, and installed entry points.

All problems are found before anything is said; each is one sentence.
"""

import difflib
import importlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from bots.config_file import ToolsTable
from engine.assembly import builtin_tools
from engine.errors import BadSettings
from engine.own_tools import OwnFunction, Threads, ToolLimits, own_tool
from engine.tools import Tool

ENTRY_POINTS = "membot.tools"
_REASON_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTools:
    """What was found.

    Attributes:
        by_source: Tools by the module or entry point they come from.
        problems: One sentence each; a bot with any does not start.
    """

    by_source: dict[str, tuple[Tool, ...]]
    problems: tuple[str, ...]

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All of them, in the order in which they were named."""
        return tuple(tool for tools in self.by_source.values() for tool in tools)


def find_own_tools(table: ToolsTable, folder: Path) -> OwnTools:
    """Import every module and make tools of what it lists.

    Args:
        table: The ``[tools]`` of the configuration.
        folder: Where the configuration is; modules may lie beside it.
    """
    limits = ToolLimits(
        places=tuple(table.places), admins_only=table.admins_only, seconds=table.timeout_seconds
    )
    threads, taken = Threads(), set[str]()
    by_source: dict[str, tuple[Tool, ...]] = {}
    problems: list[str] = []
    for source, functions in _sources(table.modules, folder, problems):
        taken |= taken or {tool.spec.name for tool in builtin_tools()}
        made = []
        for name, function in functions:
            try:
                made.append(_made(function, limits, threads, taken))
            except BadSettings as problem:
                problems.append(f"{source}.{name} is no tool: {problem.sentence}.")
        by_source[source] = tuple(made)
    asked = {source: _asking(tools, table.approve) for source, tools in by_source.items()}
    found = OwnTools(by_source=asked, problems=())
    problems += _unknown(table.approve, [tool.spec.name for tool in found.tools])
    return replace(found, problems=tuple(problems))


def _made(function: OwnFunction, limits: ToolLimits, threads: Threads, taken: set[str]) -> Tool:
    tool = own_tool(function, limits, threads)
    if tool.spec.name in taken:
        raise BadSettings("another tool has this name already; give it a different one")
    taken.add(tool.spec.name)
    return tool


def _sources(
    modules: Iterable[str], folder: Path, problems: list[str]
) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Named modules, then installed entry points, each with its functions by name."""
    home = str(folder.resolve())
    if home not in sys.path:
        sys.path.append(home)  # behind everything installed, which it must not hide
    loaders = [(name, _importer(name)) for name in modules]
    loaders += [(point.name, point.load) for point in entry_points(group=ENTRY_POINTS)]
    for name, load in loaders:
        try:
            yield name, _listed(load())
        except BadSettings as problem:
            problems.append(f"The tools of {name} cannot be used: {problem.sentence}.")
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - foreign code
            reason = " ".join(f"{type(problem).__name__}: {problem}".split())[:_REASON_CHARS]
            problems.append(f"The tools of {name} cannot be imported: {reason}.")


def _importer(name: str) -> Any:  # noqa: ANN401 - a function without arguments
    return lambda: importlib.import_module(name)


def _listed(loaded: object) -> list[tuple[str, Any]]:
    """The functions of a module's ``__all__``; of an entry point that is a function, that."""
    if not isinstance(loaded, ModuleType):
        return [(getattr(loaded, "__name__", "?"), loaded)]
    names = getattr(loaded, "__all__", None)
    if not names:
        raise BadSettings("list the functions in the module's __all__")
    missing = [name for name in names if not hasattr(loaded, name)]
    if missing:
        raise BadSettings(f"its __all__ names {missing[0]}, which it does not have")
    return [(name, getattr(loaded, name)) for name in names]


def _asking(tools: Iterable[Tool], approve: Iterable[str]) -> tuple[Tool, ...]:
    patterns = tuple(approve)
    return tuple(
        replace(tool, asks_first=any(fnmatchcase(tool.spec.name, one) for one in patterns))
        for tool in tools
    )


def _unknown(approve: Iterable[str], names: list[str]) -> Iterator[str]:
    for pattern in approve:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = difflib.get_close_matches(pattern, names, n=1, cutoff=0.5)
            hint = f"the nearest is {near[0]}" if near else "there is none like it"
            yield f"tools.approve names {pattern}, which is no own tool; {hint}."
