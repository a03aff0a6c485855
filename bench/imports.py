"""How fast a channel of many messages is imported, and how much memory that takes.

The files are generated: ten years of a channel as DiscordChatExporter and as Slack write it. Each
import runs in a process of its own, so that its peak of memory is its own.

    python -m bench.imports [--messages 1000000] [--formats discord slack]
"""

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.report import report
from bench.search import SMALL_TALK, words

START = datetime(2016, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=3650)
PEOPLE = 40
MEGABYTE = 1024 * 1024


def said(count: int) -> Iterator[tuple[datetime, int, str]]:
    """When, who and what: ten years of it, in bursts."""
    rng = random.Random(1)
    vocabulary = words(3_000, rng)
    for number in range(count):
        at = START + YEARS * (number / count) + timedelta(seconds=rng.random())
        text = rng.choice(SMALL_TALK).format(*rng.sample(vocabulary, 3))
        yield at, rng.randrange(PEOPLE), f"{text}. {' '.join(rng.sample(vocabulary, 4))}"


def write_discord(file: Path, count: int) -> None:
    """One channel, indented as DiscordChatExporter does it."""
    channel = {"id": "5", "type": "GuildTextChat", "categoryId": "1", "name": "general"}
    with file.open("w") as out:
        out.write(f'{{"guild": {{"id": "111"}}, "channel": {json.dumps(channel)}, "messages": [\n')
        for number, (at, who, text) in enumerate(said(count)):
            author = {"id": str(who + 1), "name": f"person{who}", "nickname": f"Person {who}"}
            message = {
                "id": str(10**17 + number),
                "type": "Default",
                "timestamp": at.isoformat(),
                "isPinned": False,
                "content": text,
                "author": {**author, "discriminator": "0000", "isBot": False, "roles": []},
                **{name: [] for name in ("attachments", "embeds", "stickers", "reactions")},
                "mentions": [],
            }
            out.write("," * (number > 0) + json.dumps(message, indent=2) + "\n")
        out.write(f'], "messageCount": {count}}}')


def write_slack(file: Path, count: int) -> None:
    """One channel with a file a day, every third message in a thread."""
    people = [{"id": f"U{who}", "team_id": "T1", "name": f"person{who}"} for who in range(PEOPLE)]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("users.json", json.dumps(people))
        archive.writestr("channels.json", json.dumps([{"id": "C2", "name": "general"}]))
        day, name, root = [], "", ""
        for number, (at, who, text) in enumerate(said(count)):
            ts = f"{at.timestamp():.6f}"
            root = root if number % 3 else ts
            if day and name != f"general/{at:%Y-%m-%d}.json":
                archive.writestr(name, json.dumps(day, indent=4))
                day = []
            name = f"general/{at:%Y-%m-%d}.json"
            message: dict[str, Any] = {"type": "message", "user": f"U{who}", "text": text, "ts": ts}
            day.append({**message, "team": "T1", "thread_ts": root})
        archive.writestr(name, json.dumps(day, indent=4))


WRITERS = {"discord": write_discord, "slack": write_slack}


async def measure(file: Path) -> None:
    """Import a file into a new database beside it, and print the figures as JSON."""
    from bots.imports.importing import Import, format_of
    from storage.sqlite.store import SqliteStore

    def now() -> datetime:
        return datetime.now(UTC)

    before = _peak()
    store = await SqliteStore.open(file.parent / "membot.db", embedder=None, now=now)
    kind = format_of(file)
    assert kind is not None
    seconds = {}
    for name in ("check", "import", "again"):
        reading = Import(store, kind, file, None, now)
        started, worked = time.perf_counter(), time.process_time()
        async for _ in reading.check() if name == "check" else reading.store(dry_run=False):
            pass
        seconds[name] = time.perf_counter() - started
        seconds[f"{name}_cpu"] = time.process_time() - worked
    counts = await store.agents()
    await store.close()
    database = sum(part.stat().st_size for part in file.parent.glob("membot.db*"))
    figures = {"messages": counts[0].messages, "peak": _peak(), "before": before}
    print(json.dumps({**figures, "seconds": seconds, "database": database}))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(kind: str, count: int) -> dict[str, Any]:
    """Generate a file and import it in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export"
        WRITERS[kind](file, count)
        command = [sys.executable, "-m", "bench.imports", "--file", str(file)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        size = file.stat().st_size
    return {
        "format": kind,
        "messages": found["messages"],
        "file_MB": round(size / MEGABYTE),
        "check_s": round(found["seconds"]["check"], 1),
        "import_s": round(found["seconds"]["import"], 1),
        "import_cpu_s": round(found["seconds"]["import_cpu"], 1),
        "messages_a_second": round(count / found["seconds"]["import"]),
        "repeat_s": round(found["seconds"]["again"], 1),
        "peak_MB": round(found["peak"] / MEGABYTE),
        "of_these_at_start_MB": round(found["before"] / MEGABYTE),
        "database_MB": round(found["database"] / MEGABYTE),
    }


def main() -> None:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", choices=WRITERS, default=list(WRITERS))
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.file:
        asyncio.run(measure(given.file))
    else:
        report("imports", [run(kind, given.messages) for kind in given.formats])


if __name__ == "__main__":
    main()
