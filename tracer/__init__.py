"""lockwatch: which lock a running process waits for, where, and who holds it."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("lockwatch")
except PackageNotFoundError:
    VERSION = "0+source"
