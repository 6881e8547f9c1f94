"""A recording as one HTML page that needs nothing else: see README.md in this folder."""

from tracer.html.page import write

__all__ = ["write"]
