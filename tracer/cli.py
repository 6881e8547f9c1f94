"""The command line: verbs, each imported alone, and errors into exit codes."""

import functools
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import typer

from tracer import VERSION
from tracer.commands.pids import gather_pids
from tracer.errors import LockwatchError

VERBS = ("attach", "record", "report", "diff", "export", "html")
USAGE = 2
INTERRUPTED = 130
INTERNAL = 70
# Of an unexpected error; all of it is in the log.
MOST_LETTERS = 200


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb and exits: 0, a LockwatchError's code, 2 for usage, 70 for a fault of lockwatch."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Runs one verb and returns the exit code; messages are on stderr."""
    try:
        return _run(arguments)
    except LockwatchError as error:
        _say(error.message, error.hint)
        return error.exit_code
    except typer.TyperException as error:
        _say(_usage_message(error), "lockwatch --help, or lockwatch VERB --help, lists the options")
        return USAGE
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except _UnreadError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter's last flush must not fail again
        return 0
    except Exception:
        return _internal_error()


def _run(arguments: list[str]) -> int:
    app = _app([verb for verb in VERBS if verb in arguments[:1]] or list(VERBS))
    result = app(gather_pids(arguments), prog_name="lockwatch", standalone_mode=False)
    return int(result or 0)


def _usage_message(error: typer.TyperException) -> str:
    """What is wrong with the command line; the parser's errors say more than their str()."""
    return str(getattr(error, "format_message", error.__str__)())


def _app(verbs: Sequence[str]) -> Callable[..., Any]:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback(invoke_without_command=True)(_lockwatch)
    for verb in verbs:
        module = importlib.import_module(f"tracer.commands.{verb}")
        app.command(verb, epilog=_as_written(module.EXAMPLES))(_piped(getattr(module, verb)))
    return typer.main.get_command(app)


def _as_written(examples: str) -> str:
    """The parser wraps a paragraph unless a backspace begins it."""
    return f"Examples:\n\n\b\n{examples}"


class _UnreadError(Exception):
    """Nobody reads stdout any more; the parser would make its own exit code of a BrokenPipeError."""


def _piped(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def run_command(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except BrokenPipeError as error:
            raise _UnreadError from error

    return run_command


def _lockwatch(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", is_eager=True, help="Print the version and exit."),
) -> None:
    """Which lock does a running process wait for, where, who holds it, and on whose behalf."""
    if version:
        print(f"lockwatch {VERSION}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(USAGE)


def _say(message: str, hint: str) -> None:
    print(f"lockwatch: {message}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)


def _internal_error() -> int:
    with tempfile.NamedTemporaryFile("w", prefix="lockwatch-", suffix=".log", delete=False) as log:
        traceback.print_exc(file=log)
    _say(
        f"an internal error, which is a fault of lockwatch: {_shortened(repr(sys.exc_info()[1]))}",
        f"please report it with {log.name}",
    )
    return INTERNAL


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} ..."
