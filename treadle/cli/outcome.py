"""How a command ends: what went wrong as one line, and the exit code."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from typer import rich_utils

from treadle.cli.questions import nothing_asked
from treadle.errors import Interrupted, TrainingFault, TreadleError
from treadle.files.secrets import refuse_in_arguments
from treadle.report.console import VisibleConsole
from treadle.visible import indented, visible_output


def carry_out(command: Callable[[], object]) -> int | str | None:
    """Run the command line, with what it prints made visible and nothing asked.

    Returns:
        The exit code: 2 for what a user can mend, 3 for training that stopped itself, 130 for an interruption, and
        what the command ends with where nothing went wrong.
    """
    from treadle.files.row_copies import remove_copies

    with visible_output():
        rich_utils.Console = VisibleConsole  # typer's help and usage errors have colours
        signal.signal(signal.SIGTERM, _stop)
        try:
            return _code_of(command)
        finally:
            remove_copies()


def how_to_continue() -> str:
    """What starts this command again, for a message. A launcher's own command line is not known to its processes."""
    processes = int(os.environ.get("WORLD_SIZE", 1))
    if processes > 1:
        return f"the command that started these {processes} processes, on every machine"
    return f"`{shlex.join(['treadle', *sys.argv[1:]])}`"


def _code_of(command: Callable[[], object]) -> int | str | None:
    try:
        _check_arguments()
        code = None
        try:
            with nothing_asked():
                command()
        except SystemExit as stop:
            code = stop.code
        sys.stdout.flush()  # where this fails later, there is nobody left to say it well
    except Interrupted as stop:
        return _said(f"treadle: {stop}", 130)
    except TrainingFault as fault:
        return _said(f"treadle: training stopped: {fault}", 3)
    except TreadleError as error:
        return _said(f"treadle: error: {error}", 2)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:  # of a path that was given: nothing else has such names
            raise
        name = str(error.filename)[:40]
        return _said(f"treadle: error: {name}...: a name that is too long for the file system; shorten it", 2)
    return code


def _check_arguments() -> None:
    refuse_in_arguments(sys.argv[1:])
    for argument in sys.argv[1:]:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise TreadleError(
                f"argument {argument!r}: its bytes are no UTF-8, which is what can be written; rename the file"
            ) from None


def _said(message: str, code: int) -> int:
    print(indented(message), file=sys.stderr)
    return code


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM stops a command as Ctrl-C does, so that it takes away what it has half written."""
    raise KeyboardInterrupt
