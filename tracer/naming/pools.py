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
    pairs = [before[index : index + 2] for index in range(len(before) - 2, -1, -1)]
    jobs = [memory.c_string(name, NAME_LIMIT) for function, name in pairs if is_code(function)]
    named = set(thread_names()) if any(jobs) else set()
    return next((job for job in jobs if job and named & set(_thread_names_for(job))), None)


def _thread_names_for(job: str) -> tuple[str, str]:
    """Of a pool's workers, and of its workers for calls that may not wait."""
    return job[:THREAD_NAME], f"prio-{job}"[:THREAD_NAME]
