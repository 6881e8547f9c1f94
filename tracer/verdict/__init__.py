"""What a trace shows, in a few sentences: each made from numbers, none without evidence."""

from tracer.model.report import Report
from tracer.output.deadlocks import deadlock_sentence
from tracer.verdict.locks import lock_sentences
from tracer.verdict.requests import request_sentences
from tracer.verdict.stuck import stuck_sentences

# More is not read.
SENTENCES = 5


def verdict(report: Report) -> tuple[str, ...]:
    """At most five sentences, the most urgent first; none for a report of nothing."""
    sentences = [deadlock_sentence(cycle) for cycle in report.deadlocks]
    sentences += stuck_sentences(report)
    sentences += request_sentences(report)
    sentences += lock_sentences(report)
    return tuple(sentences[:SENTENCES])
