"""libvirt's thread pools by the name of their job, which is their workers' thread name too.

A virThreadPool begins with the job's function and name; its mutex and conditions follow. Nothing is said
unless the function is code and threads of the process carry the name.
"""

from collections.abc import Callable, Collection

from tracer.naming.reading import Reader, words

REACH = 320
"""Bytes from a pool's job to its last condition, at most."""

NAME_LIMIT = 64
THREAD_NAME = 15  # characters of a thread's name that the kernel keeps


def pool_job(
    memory: Reader, is_code: Callable[[int], bool], thread_names: Callable[[], Collection[str]], base: int
) -> str | None:
    """The job name of the thread pool that the lock at `base` belongs to; None where it belongs to none."""
    before = words(memory.read(base - REACH, REACH) or b"") if base > REACH else ()
    for index in range(len(before) - 2, -1, -1):
        job, name = before[index : index + 2]
        if not is_code(job):
            continue
        text = memory.c_string(name, NAME_LIMIT)
        if text and {text[:THREAD_NAME], f"prio-{text}"[:THREAD_NAME]} & set(thread_names()):
            return text
    return None
