"""`lockwatch html`: a recording as one page to look at."""

from pathlib import Path
from typing import Annotated

import typer

import tracer.html
from tracer.errors import FileError
from tracer.outputs import STDOUT, Claims, stdout_for_programs
from tracer.recording import Recording

EXAMPLES = """\
lockwatch html run.lockwatch --output run.html
"""


def html(
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help="What attach --output wrote.")],
    output: Annotated[str, typer.Option("--output", metavar="FILE", help="The page; - is stdout.")],
) -> None:
    """Write a recording as one page: flame graphs, time line, locks."""
    with Recording(recording) as opened:
        if output == STDOUT:
            tracer.html.write(opened, stdout_for_programs())
        else:
            _write_file(opened, Path(output))


def _write_file(recording: Recording, path: Path) -> None:
    """A page that cannot be finished is not left behind."""
    Claims(recording.path).claim("--output", path)
    try:
        with path.open("w", encoding="utf-8") as out:
            try:
                tracer.html.write(recording, out)
                out.flush()
            except BaseException:
                path.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise FileError(f"--output {path}: {error.strerror}", "name a file that can be written") from error
