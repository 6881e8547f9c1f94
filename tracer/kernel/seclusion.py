"""A view of the file system that one thread has for itself."""

import ctypes

CLONE_FS, CLONE_NEWNS = 0x200, 0x20000
MS_BIND, MS_PRIVATE = 0x1000, 1 << 18


def seclude() -> None:
    """From here on the calling thread's current folder is its own, and /proc/kallsyms is empty to it.

    bcc compiles in another folder than ours, and reads all symbols of the kernel to learn whether it has a
    helper that no program of ours calls by name: that is a quarter of the time. Where mounting is not
    allowed, it takes the time. There is no way back: this is for a thread that ends soon.
    """
    libc = ctypes.CDLL(None)
    libc.mount.argtypes = (*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_void_p)
    if libc.unshare(CLONE_NEWNS) != 0:
        libc.unshare(CLONE_FS)
    elif libc.mount(None, b"/proc", None, MS_PRIVATE, None) == 0:  # else all of the machine would see it
        libc.mount(b"/dev/null", b"/proc/kallsyms", None, MS_BIND, None)
