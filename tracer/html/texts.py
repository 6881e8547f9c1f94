"""Parts of the page that are the same as in the summary."""

import io

from tracer.model.report import Report
from tracer.output.health import write_health
from tracer.output.page import Page


def health_lines(report: Report) -> list[str]:
    """The summary's lines about what was lost and what the trace cost."""
    out = io.StringIO()
    write_health(Page(out), report)
    lines = (line.strip() for line in out.getvalue().splitlines())
    return [line for line in lines if line and line != "Health"]
