"""Unwind tables, made from .eh_frame, and the unwinder that reads them from outside the kernel."""

from tracer.unwind.tables import Code, Tables, build

__all__ = ["Code", "Tables", "build"]
