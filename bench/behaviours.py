"""Writes docs/chat.md, which behaviour is shown where by which test: python -m bench.behaviours.

The marked tests are run, and the page shows those that passed. With ``--marks`` it is made from
the marks alone, in a moment, for when the suite was seen green anyway.
"""

import ast
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "chat.md"
LIST = ROOT / "docs" / "behaviours.toml"
SURFACES = ("discord", "slack", "terminal")

_SECTIONS = {
    "who": "Who remembers what",
    "when": "When it answers",
    "how": "How it answers",
    "command": "Commands",
    "receipt": "The reply's receipt",
    "first": "First meeting",
    "change": "Edits and deletions",
    "setup": "Set-up",
    "together": "Together",
}
_HEAD = """# What people meet in chat, and the test that shows it

Made by `python -m bench.behaviours` from [behaviours.toml](behaviours.toml) and from the tests \
that carry the mark `behaviour` and passed; not written by hand. \u201c\u2014\u201d: the surface \
has no such thing. A test of the command layer or the engine counts for every surface that only \
passes on what it says.

{shown} of {all} are tested.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One of the list.

    Args:
        id: Section and name, e.g. ``when.burst``.
        does: What people meet, in one sentence.
        on: The surfaces that have it.
    """

    id: str
    does: str
    on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Shown:
    """A test that shows a behaviour on a surface; ``test`` is its node id without parameters."""

    behaviour: str
    surface: str
    test: str


def behaviours() -> dict[str, Behaviour]:
    """The list of docs/behaviours.toml, by id."""
    sections = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return {
        f"{section}.{name}": Behaviour(
            id=f"{section}.{name}", does=entry["does"], on=tuple(entry["on"])
        )
        for section, entries in sections.items()
        for name, entry in entries.items()
    }


def problem_with(known: dict[str, Behaviour], arguments: tuple[object, ...]) -> str | None:
    """What is wrong with the arguments of a mark, in one sentence."""
    name, *surfaces = arguments or ("",)
    if not isinstance(name, str) or name not in known:
        return f"{name!r} is no behaviour of docs/behaviours.toml"
    if not surfaces:
        return f"{name}: name the surfaces it is shown on"
    elsewhere = [surface for surface in surfaces if surface not in known[name].on]
    return f"{name} is nothing that {elsewhere[0]!r} has" if elsewhere else None


_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def marks() -> set[Shown]:
    """What the tests are marked with, read from their source."""
    return {shown for path in sorted((ROOT / "tests").rglob("test_*.py")) for shown in _of(path)}


def _of(path: Path) -> Iterator[Shown]:
    source = path.read_text(encoding="utf-8")
    if "mark.behaviour" in source:
        name = path.relative_to(ROOT).as_posix()
        yield from _in_body(ast.parse(source, name).body, name, [])


def _in_body(body: list[ast.stmt], test: str, outer: list[ast.expr]) -> Iterator[Shown]:
    for part in body:
        if isinstance(part, ast.ClassDef):
            yield from _in_body(part.body, f"{test}::{part.name}", outer + part.decorator_list)
        elif isinstance(part, _FUNCTION) and part.name.startswith("test_"):
            for behaviour, *surfaces in _marked([*outer, *part.decorator_list]):
                for surface in surfaces:
                    yield Shown(behaviour=behaviour, surface=surface, test=f"{test}::{part.name}")


def _marked(decorators: Iterable[ast.expr]) -> Iterator[list[str]]:
    for call in (node for decorator in decorators for node in ast.walk(decorator)):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.behaviour":
            yield [ast.literal_eval(argument) for argument in call.args]


def page(shown: Iterable[Shown]) -> str:
    """The page that says so."""
    tests: dict[tuple[str, str], list[str]] = {}
    for one in sorted(shown):
        tests.setdefault((one.behaviour, one.surface), []).append(one.test)
    known = behaviours().values()
    wanted = [(one.id, surface) for one in known for surface in one.on]
    head = _HEAD.format(shown=sum(cell in tests for cell in wanted), all=len(wanted))
    tables = (
        "\n".join([f"\n## {title}\n", *_rows(section, known, tests)])
        for section, title in _SECTIONS.items()
    )
    return head + "\n".join(tables) + "\n"


def _rows(
    section: str, known: Iterable[Behaviour], tests: dict[tuple[str, str], list[str]]
) -> Iterator[str]:
    yield "| behaviour | Discord | Slack | terminal |"
    yield "|---|---|---|---|"
    for one in known:
        if one.id.startswith(f"{section}."):
            cells = " | ".join(_cell(one, surface, tests) for surface in SURFACES)
            yield f"| {one.does} `{one.id}` | {cells} |"


def _cell(one: Behaviour, surface: str, tests: dict[tuple[str, str], list[str]]) -> str:
    if surface not in one.on:
        return "\u2014"
    by = tests.get((one.id, surface), [])
    if not by:
        return "not tested"
    more = f" and {len(by) - 1} more" if len(by) > 1 else ""
    return f"{_link(by[0])}{more}"


def _link(test: str) -> str:
    path, *names = test.split("::")
    words = ": ".join(name.removeprefix("Test").removeprefix("test_") for name in names)
    return f"[{words.replace('_', ' ')}](../{path})"


def _run() -> set[Shown]:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "shown.json"
        files = sorted({one.test.split("::")[0] for one in marks()})
        pytest = [sys.executable, "-m", "pytest", "-q", "-m", "behaviour"]
        subprocess.run([*pytest, f"--behaviours={results}", *files], cwd=ROOT, check=False)
        return {Shown(**one) for one in json.loads(results.read_text(encoding="utf-8"))}


def main(
    *, marks_alone: Annotated[bool, typer.Option("--marks", help="Run no test.")] = False
) -> None:
    """Write docs/chat.md."""
    PAGE.write_text(page(marks() if marks_alone else _run()), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
