"""CPython's global interpreter lock, which lies in the exported `_PyRuntime`.

Nothing is said unless the memory around the lock is verified to be the GIL's record: it names the thread that
held it last, whose interpreter points back at the runtime.
"""

from tracer.naming.reading import Reader, words

RUNTIME = "_PyRuntime"

# struct _gil_runtime_state of CPython 3.8 to 3.13: interval, last_holder, locked, switch_number, then these
PARTS = {32: "GIL", 80: "GIL mutex", 120: "GIL switch", 168: "GIL switch mutex"}
INTERVAL, LAST_HOLDER, LOCKED = 0, 8, 16

LONGEST_INTERVAL_US = 60_000_000
LOCKED_VALUES = (0, 1, 0xFFFFFFFF)
INTERPRETER = 16  # of PyThreadState
INTERPRETER_READ = 1 << 14


def gil_part(memory: Reader, runtime: int, base: int) -> str | None:
    """What the lock at `base` is to the GIL of the runtime at `runtime`; None where it is no part of it."""
    return next((name for offset, name in PARTS.items() if _is_gil(memory, runtime, base - offset)), None)


def _is_gil(memory: Reader, runtime: int, record: int) -> bool:
    interval = memory.u64(record + INTERVAL)
    holder = memory.u64(record + LAST_HOLDER)
    if not interval or not holder or interval > LONGEST_INTERVAL_US:
        return False
    if memory.u32(record + LOCKED) not in LOCKED_VALUES:
        return False
    interpreter = memory.u64(holder + INTERPRETER)
    return bool(interpreter) and runtime in words(memory.read_some(interpreter or 0, INTERPRETER_READ))
