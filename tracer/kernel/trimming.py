"""Memory that the compiler leaves behind, given back: half of what lockwatch would hold."""

import ctypes
import re
from pathlib import Path

MADV_DONTNEED = 4
COMPILER = re.compile(rb"/lib(LLVM|clang)[^/]*$")


def release_compiler() -> None:
    """Drops the compiler's code and free heap; code that is needed again is read from its file again.

    Only what is executable is surely as the file has it: read-only data may have been relocated.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with Path("/proc/self/maps").open("rb") as maps:
        for line in maps:
            span, permissions, *_ = line.split(None, 2)
            if permissions.startswith(b"r-xp") and COMPILER.search(line.rstrip()):
                start, end = (int(part, 16) for part in span.split(b"-"))
                libc.madvise(start, end - start, MADV_DONTNEED)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
