"""The stages of a trace as frozen dataclasses, without I/O: targets, stacks, locks, sums, the report."""
