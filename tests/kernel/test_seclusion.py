"""A secluded thread's view of the file system, and everybody else's."""

import os
import threading
from pathlib import Path

from harness import PATIENCE

from tracer.kernel.seclusion import seclude

SYMBOLS = Path("/proc/kallsyms")


def test_what_a_secluded_thread_changes_is_its_own() -> None:
    folder, mounts = Path.cwd(), Path("/proc/self/mountinfo").read_text()
    seen: dict[str, object] = {}

    def alone() -> None:
        seclude()
        os.chdir("/proc")
        seen.update(folder=Path.cwd(), symbols=SYMBOLS.read_bytes())

    thread = threading.Thread(target=alone)
    thread.start()
    thread.join(PATIENCE)
    assert seen == {"folder": Path("/proc"), "symbols": b""}
    assert Path.cwd() == folder
    assert SYMBOLS.read_bytes()
    assert Path("/proc/self/mountinfo").read_text() == mounts
