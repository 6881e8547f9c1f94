"""The machine that a trace was made on."""

import os
import platform


def environment() -> dict[str, str]:
    """What may explain a difference between two recordings."""
    machine = platform.uname()
    return {
        "cpus": str(os.cpu_count() or 0),
        "host": machine.node,
        "kernel": machine.release,
        "kernel_version": machine.version,
        "machine": machine.machine,
        "python": platform.python_version(),
        "system": _system(),
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
