"""How every benchmark reports: a table on standard output and a JSON file beside it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


def report(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table and write them to ``bench/results/<name>.json``."""
    table = Table(title=name)
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="right", overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=120).print(table)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(list(rows), indent=1) + "\n")
