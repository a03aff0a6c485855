"""The command line: parse, call, print. Whatever goes wrong ends in one sentence."""

import asyncio
import logging
import secrets
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bots import admin_shell, document_shell, setup_shell, shell
from engine.errors import (
    BadRequest,
    MembotError,
    ModelUnavailable,
    PersonError,
)

log = logging.getLogger(__name__)
DONE, NO, WRONG_USE = 0, 1, 2
# The root of click's errors; which click, its own or the installed one, is typer's business.
_ClickError: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    help="A chat bot that remembers: Discord, Slack and this terminal.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
shell.register(app)
document_shell.register(app)
setup_shell.register(app)
admin_shell.register(app)
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command()
def chat(
    user: Annotated[str | None, typer.Option(help="Who you are.")] = None,
    channel: Annotated[
        str | None, typer.Option(help="A room; a line 'NAME: text' sets the speaker.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Talk to the bot in this terminal; piped in, every line is one message."""
    from bots.console.session import ChatOptions, run_chat
    from bots.observing import set_up_logging
    from bots.settings import default_locale, default_user, load_settings

    settings = load_settings()
    level = settings.env.membot_log_level
    set_up_logging("WARNING" if level == "INFO" else level)
    options = ChatOptions(
        user=user or default_user(), channel=channel, json=as_json, locale=default_locale()
    )
    return asyncio.run(run_chat(settings, options))


@app.command()
def run() -> int:
    """Serve Discord and Slack until stopped."""
    from bots.app import run_bot
    from bots.observing import set_up_logging
    from bots.settings import load_settings

    settings = load_settings()
    set_up_logging(settings.env.membot_log_level)
    asyncio.run(run_bot(settings))
    return DONE


@app.command()
def doctor(as_json: AsJson = False) -> int:
    """Check the set-up, one line each with its fix."""
    from bots.doctor.examination import examine
    from bots.doctor.report import print_report

    checks = asyncio.run(examine())
    print_report(checks, as_json=as_json)
    return NO if any(check.failed for check in checks) else DONE


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command; the exit code.

    This is where every error ends that the shell can meet: a sentence on standard error.
    """
    try:
        result = app(args=list(arguments), prog_name="membot", standalone_mode=False)
    except _ClickError as problem:
        return _say(_usage_sentence(problem), WRONG_USE)
    except MembotError as problem:
        return _say(problem.sentence, _exit_code(problem))
    except (typer.Abort, KeyboardInterrupt):
        return _say("Interrupted.", NO)
    except BrokenPipeError:
        return NO
    except Exception as problem:  # noqa: BLE001 - the shell's last handler
        return _say(_unforeseen(problem), NO)
    return result if isinstance(result, int) else DONE


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


def _usage_sentence(problem: BaseException) -> str:
    told = getattr(problem, "format_message", lambda: str(problem))()
    text = told or "That is not a membot command."
    sentence = text if text.endswith((".", "?", "!")) else f"{text}."
    return f"{sentence} `membot --help` shows what there is."


def _exit_code(problem: MembotError) -> int:
    is_a_no = isinstance(problem, PersonError | ModelUnavailable)
    return NO if is_a_no and not isinstance(problem, BadRequest) else WRONG_USE


def _unforeseen(problem: Exception) -> str:
    """A sentence with an id and a place in our code; the words of the error may quote a message."""
    error_id = secrets.token_hex(4)
    frames = traceback.extract_tb(problem.__traceback__)
    log.debug("unforeseen (id %s)", error_id, extra={"frames": [str(frame) for frame in frames]})
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    return f"Something went wrong (id {error_id}, {type(problem).__name__} at {place})."
