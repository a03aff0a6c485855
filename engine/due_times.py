"""When something is due: times as models write them, cron text, quiet hours. Pure."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.errors import ModelMistake
from engine.events import CLOCK

LEAST_MINUTES_APART = 15
_CRON_FIELDS = 5
_LOOKED_AT = timedelta(days=400)  # more than a year, so that every rule of cron shows itself


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """A part of every day in which nothing is sent unasked; none when both ends are the same."""

    start: time = time()
    end: time = time()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def end_after(self, at: datetime) -> datetime | None:
        """When the quiet hours that hold at a time end, or None outside of them."""
        local = at.astimezone(self.zone)
        clock = local.time()
        overnight = self.start > self.end
        after_start, before_end = clock >= self.start, clock < self.end
        if not (after_start or before_end if overnight else after_start and before_end):
            return None
        day = local.date() if before_end else local.date() + timedelta(days=1)
        return datetime.combine(day, self.end, self.zone)


def zone_named(name: str | None, otherwise: ZoneInfo) -> ZoneInfo:
    """A time zone by its IANA name, or another where the name says nothing."""
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(name) if name else otherwise
    return otherwise


def planned(text: str, zone: ZoneInfo, now: datetime) -> tuple[str, datetime]:
    """The rule and the first time of what a model wrote.

    Args:
        text: A time or cron text.
        zone: In which a time without offset, and cron text, count.
        now: The time, aware.

    Returns:
        The cron text, or "" for once, and when it is first due.

    Raises:
        ModelMistake: It is neither, past, or too often.
    """
    if len(text.split()) == _CRON_FIELDS:
        return _often(text, zone, now)
    at = _once(text, zone)
    local = now.astimezone(zone)
    if at is None:
        raise ModelMistake(
            f"'when' must be a time such as {local:%Y-%m-%d} 18:30, or cron text such as "
            f"30 18 * * 1-5; it is {shown_time(now, zone)} now."
        )
    if at <= now:
        raise ModelMistake(f"That time is past; it is {shown_time(now, zone)} now.")
    return "", at


def next_time(rule: str, zone: ZoneInfo, after: datetime) -> datetime | None:
    """When a rule is due next, or None when it never is, or is no rule."""
    return next(_times(rule, zone, after), None)


def shown_time(at: datetime, zone: ZoneInfo) -> str:
    """A time with its day and zone: ``Sun 2026-11-22 09:00 (Europe/Berlin)``."""
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M} ({zone.key})"


def _often(rule: str, zone: ZoneInfo, now: datetime) -> tuple[str, datetime]:
    first = next_time(rule, zone, now)
    if first is None:
        raise ModelMistake(f"'{rule}' is not cron text of five fields that is ever due.")
    if _is_too_often(rule, zone, now):
        raise ModelMistake(f"At most once every {LEAST_MINUTES_APART} minutes; choose less often.")
    return rule, first


def _is_too_often(rule: str, zone: ZoneInfo, now: datetime) -> bool:
    """Whether two times of a day are too near; a day has at most 96 that are not."""
    times = [at for at, _ in zip(_times(rule, zone, now), range(100), strict=False)]
    near = timedelta(minutes=LEAST_MINUTES_APART)
    return any(later - earlier < near for earlier, later in pairwise(times))


def _times(rule: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The times of a rule in the coming year, or its first one after that."""
    from cronsim import CronSim, CronSimError

    with suppress(CronSimError, ValueError, OverflowError):
        for at in CronSim(rule, after.astimezone(zone)):
            yield at
            if at - after > _LOOKED_AT:
                return


def _once(text: str, zone: ZoneInfo) -> datetime | None:
    with suppress(ValueError, OverflowError):
        return _aware(datetime.fromisoformat(text.strip()), zone)
    with suppress(ValueError, OverflowError):
        # Models copy times as envelopes show them.
        return datetime.strptime(text.strip(), CLOCK).astimezone(zone)
    return None


def _aware(at: datetime, zone: ZoneInfo) -> datetime:
    """The instant; by way of UTC, as a time that a clock leaves out is another one there."""
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC).astimezone(zone)
