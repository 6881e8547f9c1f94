"""What the trace lost, and what it cost: one quiet line, and a loud one where anything is missing."""

from tracer.model.report import Health, ProbeState, Report
from tracer.output.durations import count, counted, duration, share, size
from tracer.output.page import Page


def write_health(page: Page, report: Report) -> None:
    health = report.health
    page.title("Health")
    if health.lost:
        page.line(("  LOST: " + _losses(health), "bold white on red"))
    page.paragraph("; ".join([*_kept(health), *_cost(health, report)]) + ".")
    if report.info.mutex_probe is not None:
        page.paragraph(_probe(report.info.mutex_probe))
    for note in health.notes:
        page.paragraph(note, style="yellow")


def _losses(health: Health) -> str:
    sorts = (
        (health.waits_lost, "wait", "missing above, or known without their owner or blame"),
        (health.stacks_lost, "stack", "their waits are counted, without a call site"),
        (health.events_lost, "event", "missing from live lines, stacks, threads and recordings"),
        (health.calls_lost, "call", "missing from the requests, or without its time off the CPU"),
        (health.runs_skipped, "skipped run", "of a kernel program: what it would have seen may be missing"),
    )
    return "; ".join(f"{counted(lost, noun)} ({meaning})" for lost, noun, meaning in sorts if lost)


def _kept(health: Health) -> list[str]:
    parts = [] if health.lost else ["nothing lost"]
    if health.stacks:
        complete = _all_but(health.stacks, health.stacks - health.stacks_complete)
        parts.append(f"{counted(health.stacks, 'stack')}, {complete} complete")
    if health.incomplete:
        reasons = ", ".join(f"{reason} {count(times)}" for reason, times in sorted(health.incomplete.items()))
        parts.append(f"incomplete: {reasons}")
    if health.frames:
        parts.append(f"{_all_but(health.frames, health.frames_unnamed)} of the frames named")
    return parts


def _all_but(whole: int, missing: int) -> str:
    """The share of the rest, never rounded up to 100 %."""
    return f"{10_000 * (whole - missing) // whole / 100:.2f} %" if missing else "100 %"


def _cost(health: Health, report: Report) -> list[str]:
    cost = (
        f"this trace cost the target {duration(health.bpf_ns)} "
        f"in {counted(health.bpf_runs, 'run')} of its kernel programs"
    )
    if health.bpf_runs:
        cost += f" ({duration(health.bpf_ns // health.bpf_runs)} each"
        cost += f", {share(health.bpf_ns, report.info.duration_ns)} of one CPU)"
    frontend = f"lockwatch itself {duration(health.frontend_cpu_ns)} of CPU"
    if report.info.duration_ns:
        alive_ns = health.attach_ns + report.info.duration_ns
        frontend += f" ({share(health.frontend_cpu_ns, alive_ns)} of one)"
    frontend += f" and {size(health.frontend_rss_bytes)}"
    return [cost, frontend, f"attached in {duration(health.attach_ns)}"]


def _probe(probe: ProbeState) -> str:
    reason = f" ({probe.reason})" if probe.reason else ""
    if not probe.hits:
        return f"The pthread_mutex_lock probe was {probe.state}{reason}."
    return (
        f"The pthread_mutex_lock probe was {probe.state}{reason}: {counted(probe.hits, 'hit')} "
        f"of {duration(probe.cost_ns_per_hit)}, {duration(probe.hits * probe.cost_ns_per_hit)} in all, "
        f"within {duration(probe.on_ns)}."
    )
