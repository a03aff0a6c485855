"""What may stand in ``membot.toml``; knows the file's shape, not what the keys do."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bots.routing import Learning, Mode, OtherBots, Outsiders, Preset
from engine.core_memory import LABEL
from engine.knowledge import KnowledgeSource

Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=0)]
OWN_LABELS = ("persona", "human", "room")
_SERVER = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,31}")
PRINCIPAL = r"^(discord|slack|console):[^/\s]+/[^/\s]+$"
_PLACE = re.compile(r"\*.*|(discord|slack|console):\S+")


def _place_pattern(pattern: str) -> str:
    if not _PLACE.fullmatch(pattern):
        raise ValueError("a place looks like slack:T1/channel/C2, discord:111/* or *")
    return pattern


Place = Annotated[str, AfterValidator(_place_pattern)]
Places = list[Place]
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError("a time of day looks like 22:00")
    return text


Clock = Annotated[str, AfterValidator(_clock)]


def zone_name(name: str) -> str:
    """The name of a time zone, if it is one."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("a time zone has an IANA name such as Europe/Berlin") from error
    return name


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Persona(_Table):
    """Who the bot is: ``text``, or a ``file`` with it."""

    text: str | None = None
    file: str | None = None


class BlockTable(_Table):
    """A further core memory block."""

    text: str = ""
    description: str = ""
    limit_chars: Annotated[int, Field(ge=1)] = 2000
    read_only: bool = False
    places: Places = ["*"]


class PlaceTable(_Table):
    """What is different at some places."""

    match: Place
    persona: str | None = None
    mapping: Preset | None = None
    mode: Mode | None = None
    bots: OtherBots | None = None
    learning: Learning | None = None
    outsiders: Outsiders | None = None


class OwnerTable(_Table):
    """Whom the preset ``personal`` serves: their identities on all platforms."""

    identities: list[Annotated[str, Field(pattern=PRINCIPAL)]] = []


class KnowledgeTable(_Table):
    """A file or folder of reference text; a path is seen from beside the configuration."""

    path: str
    places: Places = ["*"]


class MemoryTable(_Table):
    """Memory pressure, in shares of the context window, and when the memory agent runs."""

    agent: Literal["flush", "idle", "off"] = "flush"
    warn: Share = 0.70
    prepare: Share = 0.85
    flush: Share = 1.0
    evict: Share = 0.5
    max_steps: Annotated[int, Field(ge=1, le=100)] = 12


class HeartbeatsTable(_Table):
    """How long an agent is idle before it gets a timed heartbeat; 0: it gets none."""

    every_minutes: Count = 0


class QuietHoursTable(_Table):
    """When scheduled messages wait and no heartbeat comes; never, when both ends are the same."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)

    from_: Clock = Field(default="00:00", alias="from")
    to: Clock = "00:00"
    timezone: Annotated[str, AfterValidator(zone_name)] = "UTC"


class RepliesTable(_Table):
    """What leaves: replies as they are written, their receipts, a line at memory pressure."""

    stream: bool = True
    receipts: bool = True
    pressure_line: bool = True


class PicturesTable(_Table):
    """Whether pictures that people send are shown to the model, and up to which size."""

    show: bool = True
    max_bytes: Annotated[int, Field(ge=1)] = 5_000_000


class ToolsTable(_Table):
    """The operator's own tools, from modules and installed entry points."""

    modules: list[str] = []
    places: Places = ["*"]
    admins_only: bool = False
    approve: list[str] = []
    approval_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 30


class McpTable(_Table):
    """A server of tools: a ``command`` that starts it, or the ``url`` where it is."""

    command: list[str] | None = None
    url: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    headers: dict[str, str] = {}
    env: dict[str, str] = {}
    allow: list[str] = []
    places: Places = ["*"]
    admins_only: bool = False
    approve: list[str] = []
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 30


class DiscordTable(_Table):
    """The one server in which the commands are registered, while they are worked on."""

    development_server: Annotated[int, Field(ge=1)] | None = None


class DocumentsTable(_Table):
    """Limits for files that become passages."""

    max_bytes: Annotated[int, Field(ge=1)] = 20_000_000
    max_pages: Annotated[int, Field(ge=1)] = 1000
    timeout_seconds: Annotated[float, Field(gt=0)] = 60


class RetentionTable(_Table):
    """How long things are kept; 0: for ever."""

    recall_days: Count = 400
    backups_days: Count = 30


class BudgetTable(_Table):
    """What somebody may use; left out: as much as they like."""

    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_day: Annotated[int, Field(ge=1)] | None = None


class BudgetsTable(_Table):
    """Budgets by who pays."""

    person: BudgetTable = BudgetTable()
    room: BudgetTable = BudgetTable()
    tenant: BudgetTable = BudgetTable()


class PriceTable(_Table):
    """Currency per million tokens."""

    input: Annotated[float, Field(ge=0)] = 0.0
    cached_input: Annotated[float, Field(ge=0)] = 0.0
    output: Annotated[float, Field(ge=0)] = 0.0


class ConfigFile(_Table):
    """The whole file; every table may be left out."""

    personas: dict[str, Persona] = {}
    blocks: dict[str, BlockTable] = {}
    places: list[PlaceTable] = []
    owner: OwnerTable = OwnerTable()
    knowledge: dict[str, KnowledgeTable] = {}
    memory: MemoryTable = MemoryTable()
    heartbeats: HeartbeatsTable = HeartbeatsTable()
    quiet_hours: QuietHoursTable = QuietHoursTable()
    replies: RepliesTable = RepliesTable()
    pictures: PicturesTable = PicturesTable()
    tools: ToolsTable = ToolsTable()
    mcp: dict[str, McpTable] = {}
    discord: DiscordTable = DiscordTable()
    documents: DocumentsTable = DocumentsTable()
    retention: RetentionTable = RetentionTable()
    budgets: BudgetsTable = BudgetsTable()
    prices: dict[str, PriceTable] = {}


def read_config_file(path: Path) -> tuple[ConfigFile, list[str]]:
    """Read and check a file.

    Returns:
        The settings (the defaults when there are problems), and the problems, one sentence each.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return ConfigFile(), [f"{path.name} cannot be read: {error.strerror}."]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return ConfigFile(), [f"{path.name} is not valid TOML: {error}."]
    try:
        config = ConfigFile.model_validate(tables)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        return ConfigFile(), [_sentence(path.name, problem) for problem in found]
    return config, _pressure_problems(path.name, config.memory)


def personas(
    config: ConfigFile, folder: Path, *, limit_chars: int
) -> tuple[dict[str, str], list[str]]:
    """Persona texts by name, their files read from beside the configuration, and problems."""
    texts: dict[str, str] = {}
    problems = []
    for name, persona in config.personas.items():
        where = f"personas.{name}"
        if (persona.text is None) == (persona.file is None):
            problems.append(f"{where} needs either text or file.")
        elif persona.text is not None:
            texts[name] = persona.text.strip()
        else:
            try:
                texts[name] = (folder / (persona.file or "")).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                problems.append(f"{where}.file names {persona.file}, which cannot be read as text.")
    problems += [
        f"personas.{name} has {len(text)} characters; a persona block holds {limit_chars}."
        for name, text in texts.items()
        if len(text) > limit_chars
    ]
    return texts, problems


def place_personas(config: ConfigFile) -> tuple[dict[str, str], list[str]]:
    """Names of personas by pattern of places, and problems."""
    named: dict[str, str] = {}
    for place in config.places:
        if place.persona:
            named.setdefault(place.match, place.persona)
    problems = [
        f"places: {pattern} names the persona {name}, which is not in the file; "
        f"{_nearest(name, list(config.personas))}."
        for pattern, name in named.items()
        if name not in config.personas
    ]
    return named, problems


def place_rules(config: ConfigFile) -> list[tuple[str, str, str]]:
    """What is set for places: pattern, name and value."""
    return [
        (place.match, name, value)
        for place in config.places
        for name, value in place.model_dump(exclude_none=True, exclude={"match", "persona"}).items()
    ]


def owner_problems(config: ConfigFile, mapping: str) -> list[str]:
    """Why the preset ``personal`` cannot be used, one sentence."""
    presets = {mapping, *(place.mapping for place in config.places)}
    if "personal" not in presets or config.owner.identities:
        return []
    example = '[owner] identities = ["discord:*/222", "slack:T1/U2"]'
    return [
        f"The mapping personal of MEMBOT_MAPPING or places serves one person; name them: {example}."
    ]


def knowledge_sources(
    config: ConfigFile, folder: Path
) -> tuple[tuple[KnowledgeSource, ...], list[str]]:
    """Reference texts with whole paths, and problems."""
    problems = []
    for name, table in config.knowledge.items():
        if not LABEL.fullmatch(name):
            problems.append(f"knowledge.{name} cannot be a name; take letters, digits, - and _.")
        if not (folder / table.path).exists():
            problems.append(f"knowledge.{name}.path names {table.path}, which does not exist.")
    sources = tuple(
        KnowledgeSource(name=name, path=folder / table.path, places=tuple(table.places))
        for name, table in config.knowledge.items()
    )
    return sources, problems


def mcp_problems(config: ConfigFile) -> list[str]:
    """What is wrong with the servers of tools, one sentence each."""
    problems = []
    for name, server in config.mcp.items():
        if not _SERVER.fullmatch(name):
            problems.append(f"mcp.{name} cannot be a server's name; take a to z, digits and _.")
        if bool(server.command) == bool(server.url):
            problems.append(f"mcp.{name} needs either command or url.")
        if not server.allow:
            problems.append(f'mcp.{name}.allow names no tool; name some, or ["*"] for all.')
    if config.mcp and find_spec("mcp") is None:
        problems.append("[mcp] needs the extra mcp: pip install 'membot[mcp]'.")
    return problems


def block_problems(config: ConfigFile) -> list[str]:
    """What is wrong with the further blocks, one sentence each."""
    problems = []
    for label, block in config.blocks.items():
        where = f"blocks.{label}"
        if label in OWN_LABELS or not LABEL.fullmatch(label):
            problems.append(
                f"{where} cannot be a block's name; take letters, digits, - and _, "
                f"and none of {', '.join(OWN_LABELS)}."
            )
        if len(block.text) > block.limit_chars:
            problems.append(
                f"{where}.text has {len(block.text)} characters, more than its limit_chars "
                f"{block.limit_chars}: shorten the text or raise the limit."
            )
    return problems


def _pressure_problems(name: str, memory: MemoryTable) -> list[str]:
    if memory.warn <= memory.prepare <= memory.flush:
        return []
    return [f"{name}: memory.warn, memory.prepare and memory.flush must rise in this order."]


def _sentence(name: str, problem: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = known_keys(problem["loc"][:-1])
        return f"{name}: {where} is not a known key; {_nearest(str(problem['loc'][-1]), known)}."
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {where}: {reason[:1].lower()}{reason[1:]}."


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"the nearest is {near[0]}" if near else f"known here: {', '.join(known)}"


def known_keys(location: tuple[str | int, ...]) -> list[str]:
    """The keys that a table at a location of the file may have."""
    current: Any = ConfigFile
    for part in location:
        if get_origin(current) in {dict, list}:
            current = get_args(current)[-1]
        else:
            current = current.model_fields[str(part)].annotation
    return [field.alias or key for key, field in current.model_fields.items()]
