"""Writes the table of built-in tools into docs/tools.md: python -m bench.tool_table."""

import re
from collections.abc import Iterable
from pathlib import Path

from engine.assembly import builtin_tools
from engine.reflection_tools import reflection_tools
from engine.tools import HEARTBEAT, Tool

PAGE = Path(__file__).parent.parent / "docs" / "tools.md"
_TABLE = re.compile(r"(<!-- tools: made by .+? -->\n).*?(<!-- end of tools -->)", re.DOTALL)


def with_table(page: str) -> str:
    """The page with the tables of now."""
    return _TABLE.sub(lambda found: f"{found[1]}{_tables()}{found[2]}", page)


def _tables() -> str:
    of_turns = builtin_tools()
    names = {tool.spec.name for tool in of_turns}
    further = [tool for tool in reflection_tools() if tool.spec.name not in names]
    return f"{_rows(of_turns)}\nThe memory agent shares some of them, and has:\n\n{_rows(further)}"


def _rows(tools: Iterable[Tool]) -> str:
    head = ["| tool | arguments | does |", "|---|---|---|"]
    return "\n".join([*head, *map(_row, tools)]) + "\n"


def _row(tool: Tool) -> str:
    spec = tool.spec
    required = spec.parameters["required"]
    arguments = ", ".join(
        f"`{name}`" if name in required else f"`{name}`?"
        for name in spec.parameters["properties"]
        if name != HEARTBEAT
    )
    return f"| `{spec.name}` | {arguments} | {spec.description} |"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
