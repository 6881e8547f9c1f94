"""A recording, or a window of one, as the report that its trace ended in."""

from tracer.aggregate import fold
from tracer.judging import judged
from tracer.model.report import Report
from tracer.options import Filters
from tracer.recording.reader import Recording
from tracer.recording.window import WHOLE, Window


def folded_report(recording: Recording, filters: Filters, window: Window = WHOLE) -> Report:
    """Raises FileError where the file is damaged."""
    sums = (
        recording.info(window),
        recording.wait_sums(window),
        recording.release_sums(window),
        recording.lock_totals(window),
        recording.blocked(window),
        recording.requests(window),
        recording.health(window),
    )
    return judged(lambda chosen: fold(*sums, chosen), filters)
