"""A logger for Slack's libraries that says where a problem is and never what was said.

Their own records carry request bodies, answers and tracebacks, and so messages and tokens.
"""

import logging

_NAME = "bots.slack_bot.library"


class _PlaceOnly(logging.Filter):
    """Replaces a record's text with the function it comes from and the kind of error."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; it is always let through."""
        error = record.exc_info[0] if record.exc_info else None
        kind = f" ({error.__name__})" if error else ""
        record.msg = "Slack library: problem in %s.%s%s"
        record.args = (record.module, record.funcName, kind)
        record.exc_info = None
        record.exc_text = None
        record.stack_info = None
        return True


def library_logger() -> logging.Logger:
    """The logger handed to slack_bolt and slack_sdk wherever they take one."""
    logger = logging.getLogger(_NAME)
    if not logger.filters:
        logger.addFilter(_PlaceOnly())
    # An own level, because the libraries compare `logger.level` and print bodies below INFO.
    logger.setLevel(logging.ERROR)
    return logger
