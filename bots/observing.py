"""What happened, for people who operate the bot: the log's lines and Prometheus, as hooks.

No message, memory or secret gets into either.
"""

import logging
import sys
from collections.abc import Iterable
from dataclasses import fields

from engine.hooks import (
    Delivered,
    Hook,
    MemoryFlushed,
    MemoryPressure,
    ModelCalled,
    ToolCalled,
    TurnFinished,
)

log = logging.getLogger("membot")
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_NOISY = ("httpx", "httpx2", "openai", "aiohttp.access", "slack_bolt", "slack_sdk", "discord.http")


class FieldFormatter(logging.Formatter):
    """The usual line, with the ``extra`` fields after it as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line = super().format(record)
        return " ".join([line, *(f"{name}={value}" for name, value in extra.items())])


def set_up_logging(level: str) -> None:
    """Log to standard error; libraries that log addresses or bodies only when they complain."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_hook(event: object) -> None:
    """One line a turn; the rest only when debugging."""
    match event:
        case TurnFinished():
            log.info("turn finished", extra={"action": "turn.finished", **_values(event)})
        case ModelCalled() | ToolCalled() | MemoryPressure() | MemoryFlushed() | Delivered():
            log.debug("%s", type(event).__name__, extra=_values(event))


def both(hooks: Iterable[Hook]) -> Hook:
    """One hook that calls several."""
    all_hooks = tuple(hooks)

    def call(event: object) -> None:
        for hook in all_hooks:
            hook(event)

    return call


def _values(event: object) -> dict[str, object]:
    names = [field.name for field in fields(event)]  # type: ignore[arg-type]
    return {name: getattr(event, name) for name in names if getattr(event, name) is not None}


class Metrics:
    """Counts of what happened, in a registry of its own; its ``hook`` fills it."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self._registry = CollectorRegistry()
        registry = self._registry
        self._turns = Histogram(
            "membot_turn_seconds", "Turns by how they ended.", ["state"], registry=registry
        )
        self._model = Histogram(
            "membot_model_seconds", "Model calls.", ["model", "purpose"], registry=registry
        )
        self._tokens = Counter(
            "membot_tokens", "Tokens used.", ["model", "purpose", "kind"], registry=registry
        )
        self._tools = Counter("membot_tool_calls", "Tool calls.", ["tool", "ok"], registry=registry)
        self._alerts = Counter("membot_memory_alerts", "Pressure alerts.", registry=registry)
        self._flushes = Counter(
            "membot_memory_flushes", "Flushes.", ["mechanical"], registry=registry
        )
        self._replies = Counter(
            "membot_replies", "Replies by outcome.", ["platform", "state"], registry=registry
        )

    def hook(self, event: object) -> None:
        """Count one event."""
        match event:
            case TurnFinished():
                self._turns.labels(event.state).observe(event.seconds)
            case ModelCalled():
                self._count_call(event)
            case ToolCalled():
                self._tools.labels(event.tool, str(event.ok).lower()).inc()
            case MemoryPressure():
                self._alerts.inc()
            case MemoryFlushed():
                self._flushes.labels(str(event.mechanical).lower()).inc()
            case Delivered():
                self._replies.labels(event.platform, event.state).inc()

    def text(self) -> bytes:
        """All counts in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def _count_call(self, event: ModelCalled) -> None:
        self._model.labels(event.model, event.purpose).observe(event.seconds)
        counted = {
            "input": event.input_tokens,
            "cached": event.cached_tokens,
            "output": event.output_tokens,
        }
        for kind, tokens in counted.items():
            self._tokens.labels(event.model, event.purpose, kind).inc(tokens)
