"""A recording, or a window of one, as the report that its trace ended in."""

from dataclasses import replace

from tracer.aggregate import fold
from tracer.model.report import Report
from tracer.options import Filters
from tracer.recording.reader import Recording
from tracer.recording.window import WHOLE, Window
from tracer.verdict import verdict


def folded_report(recording: Recording, filters: Filters, window: Window = WHOLE) -> Report:
    """Raises FileError where the file is damaged."""
    report = fold(
        recording.info(window),
        recording.wait_sums(window),
        recording.release_sums(window),
        recording.lock_totals(window),
        recording.blocked(window),
        recording.requests(window),
        recording.health(window),
        filters,
    )
    return replace(report, verdict=verdict(report))
