"""What nobody foresaw: a sentence with a short id for the person, kind and place for the log."""

import logging
import secrets

from bots.texts import text

log = logging.getLogger(__name__)


def sentence_of(error: BaseException, locale: str) -> str:
    """Log a failed command; what its giver reads."""
    error_id = secrets.token_hex(3)
    log.error(
        "command failed (id %s): %s",
        error_id,
        type(error).__name__,
        extra={"action": "command.failed", "error_id": error_id},
        exc_info=without_words(error),
    )
    return text(locale, "answer.failed", error_id=error_id)


def without_words(error: BaseException) -> BaseException:
    """An error as kind and place, for a log: its own words may quote a message."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
