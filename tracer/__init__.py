"""lockwatch: which lock a running process waits for, where, and who holds it."""

VERSION = "0.1.0"
