"""All settings: environment, ``.env`` and ``membot.toml``; the only reader of the environment.

Every problem is found before anything is said, and no sentence repeats a secret.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from bots.allowances import Configured
from bots.config_file import (
    PRINCIPAL,
    BlockTable,
    ConfigFile,
    QuietHoursTable,
    block_problems,
    knowledge_sources,
    mcp_problems,
    owner_problems,
    personas,
    place_personas,
    read_config_file,
    zone_name,
)
from bots.first_meeting import greetings
from bots.routing import Preset
from engine.budgets import Budget, Budgets
from engine.config import (
    DocumentConfig,
    EngineConfig,
    EventConfig,
    MemoryConfig,
    ModelConfig,
    OperatorBlock,
)
from engine.due_times import QuietHours
from engine.errors import BadSettings
from engine.knowledge import KnowledgeSource

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
DEFAULT_CONFIG_FILE = "membot.toml"
ADAPTER_VARIABLES = (
    "DISCORD_TOKEN, or SLACK_BOT_TOKEN with SLACK_APP_TOKEN (Socket Mode) "
    "or SLACK_SIGNING_SECRET (HTTP mode)"
)
_PRINCIPAL = re.compile(PRINCIPAL)


class WebAddress(NamedTuple):
    """Where the web listener binds."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_web_listen(value: str) -> WebAddress | None:
    """``host:port`` or ``[v6]:port``; None for ``off``."""
    if value.strip().lower() == "off":
        return None
    host, _, port = value.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:  # noqa: PLR2004 - ports
        raise ValueError("not an address")
    return WebAddress(host, int(port))


def sqlite_path(url: str) -> Path:
    """The file of ``sqlite:///file`` (relative) or ``sqlite:////file`` (absolute)."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or len(url) == len(prefix) or url == "sqlite:///:memory:":
        raise ValueError("not a database address")
    return Path(url.removeprefix(prefix))


def parse_admins(value: str) -> frozenset[str]:
    """Principal keys of a comma-separated list."""
    keys = frozenset(key.strip() for key in value.split(",") if key.strip())
    if not all(_PRINCIPAL.match(key) for key in keys):
        raise ValueError("not principals")
    return keys


def _checked(schemes: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        address = urlsplit(value)
        if address.scheme not in schemes or not address.hostname:
            raise ValueError("not an address")
        return value

    return AfterValidator(check)


def _parsed(parse: Any) -> AfterValidator:  # noqa: ANN401 - any parser; its result is dropped
    def check(value: str) -> str:
        parse(value)
        return value

    return AfterValidator(check)


def _database(value: str) -> str:
    if value.startswith(("postgresql://", "postgres://")):
        raise ValueError("not available yet")
    sqlite_path(value)
    return value


Secret = SecretStr | None
HttpUrl = Annotated[str, _checked(("http", "https"))]
_ACCEPTED_URL = "an address such as http://127.0.0.1:8001/"


def _variable(default: Any, meaning: str, accepted: str) -> Any:  # noqa: ANN401 - a field
    return Field(default=default, description=meaning, json_schema_extra={"accepted": accepted})


class Environment(BaseSettings):
    """The variables, one field each; the description is the line in ``.env.example``."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    discord_token: Secret = _variable(None, "Bot token; starts the Discord adapter.", "text")
    discord_api_base_url: HttpUrl | None = _variable(
        None, "Another Discord REST base, for proxies and tests.", _ACCEPTED_URL
    )
    discord_gateway_url: Annotated[str, _checked(("ws", "wss"))] | None = _variable(
        None,
        "Another Discord gateway, for proxies and tests.",
        "an address such as ws://127.0.0.1:8001/gw",
    )
    slack_bot_token: Secret = _variable(None, "Bot token (xoxb-...) of the Slack app.", "text")
    slack_app_token: Secret = _variable(
        None, "App token (xapp-...); with the bot token it starts Socket Mode.", "text"
    )
    slack_signing_secret: Secret = _variable(
        None, "With the bot token and no app token: HTTP mode at /slack/events.", "text"
    )
    slack_api_base_url: HttpUrl | None = _variable(
        None, "Another Slack Web API base, for proxies and tests.", _ACCEPTED_URL
    )
    openai_api_key: Secret = _variable(None, "Key of the model endpoint.", "text")
    openai_base_url: HttpUrl | None = _variable(
        None,
        "Any OpenAI-compatible endpoint; a key is optional then. Neither: offline demo brain.",
        "an address such as http://127.0.0.1:9100/v1",
    )
    membot_model: str = _variable(ModelConfig().model, "Chat model.", "a model name")
    membot_background_model: str | None = _variable(
        None, "Model for summaries and memory work; unset: the chat model.", "a model name"
    )
    membot_tool_mode: Literal["auto", "native", "json_schema"] = _variable(
        "auto", "How tools are called.", "auto, native, json_schema"
    )
    membot_context_tokens: Annotated[int, Field(ge=4096, le=2_000_000)] = _variable(
        32768, "Context window used, in tokens.", "a whole number from 4096 to 2000000"
    )
    membot_database_url: Annotated[str, AfterValidator(_database)] = _variable(
        "sqlite:///membot.db",
        "Where memory is kept; a relative file is beside where membot starts.",
        "sqlite:///file.db, sqlite:////absolute/file.db (postgresql:// is not available yet)",
    )
    membot_embedding_model: str = _variable(
        "sentence-transformers/all-MiniLM-L6-v2",
        "Model for search by meaning; none: search by words only.",
        "a sentence-transformers model name, or none",
    )
    membot_mapping: Preset = _variable(
        "team", "Who shares a memory.", "team, personal, per-user-in-channel, single"
    )
    membot_admins: Annotated[str, NoDecode, _parsed(parse_admins)] | None = _variable(
        None,
        "People with admin commands, comma separated.",
        "principals such as discord:111/222, slack:T1/U2",
    )
    membot_timezone: Annotated[str, AfterValidator(zone_name)] = _variable(
        "UTC", "Time zone the bot tells time in.", "an IANA name such as Europe/Berlin"
    )
    membot_web_listen: Annotated[str, _parsed(parse_web_listen)] = _variable(
        "127.0.0.1:8765", "Address of health, metrics and Slack HTTP mode.", "host:port, or off"
    )
    membot_web_token: Secret = _variable(
        None, "Bearer token of the web listener; needed beyond loopback.", "text"
    )
    membot_config: str | None = _variable(
        None, "File for what does not fit a variable; unset: membot.toml if present.", "a file"
    )
    membot_log_level: Annotated[LogLevel, BeforeValidator(str.upper)] = _variable(
        "INFO", "How much is logged.", "DEBUG, INFO, WARNING, ERROR, CRITICAL"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the composition root builds from, checked.

    Attributes:
        folder: Where the configuration is, and what it names lies beside it.
        personas: Texts by persona name.
        place_personas: Persona names by pattern of places.
        knowledge: Reference texts with whole paths.
        web: None when the listener is off.
        admins: Principal keys.
    """

    env: Environment
    file: ConfigFile
    folder: Path
    personas: Mapping[str, str]
    place_personas: Mapping[str, str]
    knowledge: tuple[KnowledgeSource, ...]
    admins: frozenset[str]
    database: Path
    web: WebAddress | None

    @property
    def offline(self) -> bool:
        """Whether the demo brain answers because no endpoint is set."""
        return self.env.openai_api_key is None and self.env.openai_base_url is None

    @property
    def embedding_model(self) -> str | None:
        """Name of the embedding model; None when search is by words only."""
        name = self.env.membot_embedding_model
        return None if name.lower() == "none" else name

    @property
    def backups(self) -> Path:
        """The folder for backups that nobody named a file for; their retention holds there."""
        return self.database.parent / "backups"

    def for_terminal(self, *, interactive: bool) -> "Settings":
        """With replies as a terminal shows them: no buttons, and a pipe gets answers alone."""
        given = self.file.replies
        shown = {
            "receipts": False,
            "pressure_line": interactive and given.pressure_line,
            "stream": interactive and given.stream,
        }
        replies = given.model_copy(update=shown)
        return replace(self, file=self.file.model_copy(update={"replies": replies}))

    @property
    def discord(self) -> bool:
        """Whether the Discord adapter starts."""
        return self.env.discord_token is not None

    @property
    def slack(self) -> bool:
        """Whether the Slack adapter starts."""
        way_in = self.env.slack_app_token or self.env.slack_signing_secret
        return self.env.slack_bot_token is not None and way_in is not None

    @property
    def slack_http(self) -> bool:
        """Whether Slack's events come to the web listener."""
        return self.slack and self.env.slack_app_token is None

    def engine_config(self) -> EngineConfig:
        """The engine's own settings."""
        table = self.file.memory
        return EngineConfig(
            model=ModelConfig(
                model=self.env.membot_model,
                background_model=self.env.membot_background_model,
                api_key=reveal(self.env.openai_api_key),
                base_url=self.env.openai_base_url,
                tool_mode=self.env.membot_tool_mode,
            ),
            memory=MemoryConfig(
                context_tokens=self.env.membot_context_tokens,
                warn=table.warn,
                prepare=table.prepare,
                flush=table.flush,
                evict=table.evict,
                max_steps=table.max_steps,
                agent=table.agent,
                pressure_line=self.file.replies.pressure_line,
            ),
            documents=DocumentConfig(**self.file.documents.model_dump()),
            knowledge=self.knowledge,
            events=EventConfig(
                heartbeat_minutes=self.file.heartbeats.every_minutes,
                quiet=_quiet_hours(self.file.quiet_hours),
            ),
            timezone=ZoneInfo(self.env.membot_timezone),
            personas=self.personas,
            place_personas=self.place_personas,
            admins=self.admins,
            approval_minutes=self.file.tools.approval_minutes,
            blocks=tuple(_operator_block(*item) for item in self.file.blocks.items()),
            greetings=greetings(self.file.retention.recall_days),
        )

    def configured(self) -> Configured:
        """What admins may change in chat, as it is without that."""
        budgets = self.file.budgets.model_dump().items()
        return Configured(
            prices=self.file.prices,
            personas=self.personas,
            backups=self.backups,
            budgets=Budgets(**{payer: Budget(**limits) for payer, limits in budgets}),
            recall_days=self.file.retention.recall_days,
        )

    def run_problems(self) -> list[str]:
        """Why ``membot run`` cannot start with these settings."""
        problems = _adapter_problems(self)
        if self.web and not self.web.loopback and self.env.membot_web_token is None:
            problems.append(
                f"MEMBOT_WEB_LISTEN is {self.env.membot_web_listen}, which other machines can "
                "reach: set MEMBOT_WEB_TOKEN, or listen on 127.0.0.1."
            )
        if self.web is None and self.slack_http:
            problems.append(
                "MEMBOT_WEB_LISTEN is off, but Slack's HTTP mode needs it: give it an address, "
                "or set SLACK_APP_TOKEN for Socket Mode."
            )
        return problems


def _quiet_hours(table: QuietHoursTable) -> QuietHours:
    return QuietHours(
        start=time.fromisoformat(table.from_),
        end=time.fromisoformat(table.to),
        zone=ZoneInfo(table.timezone),
    )


def _operator_block(label: str, table: BlockTable) -> OperatorBlock:
    return OperatorBlock(
        label=label,
        text=table.text.strip(),
        description=table.description,
        limit_chars=table.limit_chars,
        read_only=table.read_only,
        places=tuple(table.places),
    )


def reveal(secret: SecretStr | None) -> str | None:
    """A secret's text, for the SDK that needs it."""
    return secret.get_secret_value() if secret else None


def load_settings() -> Settings:
    """Read and check everything.

    Raises:
        BadSettings: With every problem, one sentence a line.
    """
    environment, problems = _read_environment()
    path = _config_path(environment)
    config = ConfigFile()
    if path:
        config, found = read_config_file(path)
        problems += found
    folder = path.parent if path else Path()
    texts, found = personas(config, folder, limit_chars=MemoryConfig().block_limit_chars)
    at_places, unknown = place_personas(config)
    sources, missing = knowledge_sources(config, path.parent if path else Path())
    problems += [*found, *unknown, *missing, *block_problems(config), *mcp_problems(config)]
    problems += owner_problems(config, environment.membot_mapping if environment else "")
    if problems or environment is None:
        raise BadSettings("\n".join(problems))
    return Settings(
        env=environment,
        file=config,
        folder=folder,
        personas=texts,
        place_personas=at_places,
        knowledge=sources,
        admins=parse_admins(environment.membot_admins or ""),
        database=sqlite_path(environment.membot_database_url),
        web=parse_web_listen(environment.membot_web_listen),
    )


def environment_fields() -> dict[str, tuple[str, str, str]]:
    """Every variable with its default (``""`` when unset), meaning and accepted values."""
    fields = {}
    for name, field in Environment.model_fields.items():
        default = "" if field.default is None else str(field.default)
        fields[name.upper()] = (default, field.description or "", _accepted(name))
    return fields


def _read_environment() -> tuple[Environment | None, list[str]]:
    try:
        return Environment(), []
    except ValidationError as error:
        found = error.errors(include_url=False)
        return None, [_problem(str(one["loc"][0]), str(one.get("input"))) for one in found]
    except (SettingsError, UnicodeDecodeError):
        return None, [".env cannot be read: it must be UTF-8 text with NAME=value lines."]
    except OSError as error:
        return None, [f".env cannot be read: {error.strerror}."]


def _problem(name: str, value: str) -> str:
    shown = re.sub(r"//[^/]*@", "//...@", value)[:80]  # an address may carry a password
    return f"{name.upper()} is {shown!r}; accepted: {_accepted(name)}."


def _accepted(name: str) -> str:
    extra = Environment.model_fields[name].json_schema_extra
    return str(extra["accepted"]) if isinstance(extra, dict) else ""


def _config_path(environment: Environment | None) -> Path | None:
    named = environment.membot_config if environment else os.environ.get("MEMBOT_CONFIG")
    if named:
        return Path(named)
    default = Path(DEFAULT_CONFIG_FILE)
    return default if default.exists() else None


def _adapter_problems(settings: Settings) -> list[str]:
    env = settings.env
    if env.slack_bot_token and not settings.slack:
        return ["SLACK_BOT_TOKEN is set, but neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is."]
    if (env.slack_app_token or env.slack_signing_secret) and not env.slack_bot_token:
        return ["SLACK_APP_TOKEN or SLACK_SIGNING_SECRET is set, but SLACK_BOT_TOKEN is not."]
    if not settings.discord and not settings.slack:
        return [f"No chat platform is configured; set {ADAPTER_VARIABLES}."]
    return []


def default_locale() -> str:
    """The language of the terminal, as POSIX systems set it; English when none is set."""
    named = (os.environ.get(variable, "") for variable in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((name for name in named if name), "en")


def default_user() -> str:
    """What the terminal calls the person when nobody says: their login name."""
    for variable in ("USER", "LOGNAME", "USERNAME"):
        if name := os.environ.get(variable, "").strip():
            return name
    return "you"
