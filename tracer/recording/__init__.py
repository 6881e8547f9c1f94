"""Recordings: a trace in one SQLite file, written while tracing, read without root or bcc."""

from tracer.recording.reader import Recording
from tracer.recording.window import WHOLE, Window
from tracer.recording.writer import Recorder

__all__ = ["WHOLE", "Recorder", "Recording", "Window"]
