"""A report's way out: the summary for people, and every file that was asked for."""

from tracer.model.report import Report
from tracer.options import Filters
from tracer.output import summary
from tracer.outputs import Outputs


def show(report: Report, filters: Filters, outputs: Outputs) -> None:
    """Raises FileError where a file cannot be written."""
    try:
        outputs.show(report, lambda shown, out: summary.write(shown, out, filters.top, filters.shows))
    finally:
        outputs.close()
    if outputs.failure is not None:
        raise outputs.failure
