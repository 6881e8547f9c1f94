"""Who still waits, where the process has ended in the meantime."""

import subprocess
from unittest.mock import Mock

from tracer.blocking import BlockedFinder
from tracer.kernel import records as raw


def test_nothing_of_a_process_that_has_ended_waits() -> None:
    with subprocess.Popen(["true"]) as process:
        pass
    fields = dict.fromkeys(raw.ThreadState._fields, 0) | {"pid": process.pid, "phase": raw.PHASE_ASLEEP}
    finder = BlockedFinder(Mock(), Mock(), Mock())
    assert finder.find({process.pid: raw.ThreadState(**fields)}, 10, 0) == []
