"""How a command ends: one line on standard error, and an exit code that scripts and batch systems go by."""

import os
import sys
from collections.abc import Callable

import click

from pipeline.errors import SettingError, TokenmillError
from pipeline.faults import said
from pipeline.guards import EXIT_BROKEN_PIPE, INTERRUPTED, exit_code, interruptible
from pipeline.redact import redact

EXIT_LIMIT, EXIT_SETTING = 1, 2


def outcome(command: Callable[[], object]) -> int:
    """The exit code of a click command that is called; what ended it has been said."""
    try:
        with interruptible():
            command()
            sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:  # `… --json | head`: who read has enough. Click exits of it.
        if not isinstance(error if isinstance(error, OSError) else error.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python would try once more at its end.
        return EXIT_BROKEN_PIPE
    except (click.ClickException, click.Abort, TokenmillError, OSError, MemoryError, KeyboardInterrupt) as error:
        try:
            click.echo(_line(error), err=True)
        except OSError:  # The terminal is gone.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # As above.
        return _code(error)
    return 0


def _code(error: BaseException) -> int:
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return exit_code(error.__cause__ or error)  # Click makes an Abort of an interrupt.
    return EXIT_SETTING if isinstance(error, (SettingError, click.ClickException)) else EXIT_LIMIT


def _line(error: BaseException) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.ctx.get_help() if error.ctx else ""
    if isinstance(error, click.ClickException):
        return f"error: {redact(error.format_message())}"
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return f"error: {INTERRUPTED}"
    return f"error: {redact(str(error) if isinstance(error, TokenmillError) else said(error))}"
