"""lockwatch beside the load."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon import LabError

LOCKWATCH = Path(__file__).resolve().parents[1] / "lockwatch"
ATTACH_SECONDS = 300.0  # it may have to install itself first


def forward(stream: "subprocess.Popen[str]", attached: threading.Event) -> None:
    """Passes on what lockwatch says on its standard error; there it says when it is attached."""
    assert stream.stderr is not None
    for line in stream.stderr:
        sys.stderr.write(line)
        if "attached" in line:
            attached.set()


@contextmanager
def lockwatch_beside(pid: int, arguments: str | None) -> Iterator[None]:
    """Runs `lockwatch attach` with these arguments (shell words); SIGINT ends it. None: does nothing."""
    if arguments is None:
        yield
        return
    command = ["bash", "-c", f'exec "$0" attach --pid {pid} {arguments}', str(LOCKWATCH)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    attached = threading.Event()
    reader = threading.Thread(target=forward, args=(tracer, attached), daemon=True)
    reader.start()
    try:
        deadline = time.monotonic() + ATTACH_SECONDS
        while not attached.wait(0.05):
            if tracer.poll() is not None or time.monotonic() > deadline:
                raise LabError("lockwatch did not attach")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        try:
            tracer.wait(60)
        except subprocess.TimeoutExpired:
            tracer.kill()
        reader.join(5)
