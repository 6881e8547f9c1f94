"""Call sites in words: the last resort of a name, and a certain one where a function knows one lock only."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tracer.model.kinds import Kind
from tracer.model.locks import FIRST_WAITED
from tracer.model.stacks import Frame, Stack

NOUNS = {
    Kind.MUTEX: "heap lock",
    Kind.RWLOCK: "heap rwlock",
    Kind.PI_MUTEX: "heap PI mutex",
    Kind.SEM: "heap semaphore",
    Kind.ONCE: "heap once control",
    Kind.ARENA: "malloc arena",
    Kind.JOB: "job",
    Kind.COND: "heap condition",
    Kind.BARRIER: "heap barrier",
    Kind.JOIN: "joined thread",
    Kind.OTHER: "heap futex",
}

WRAPPER_MODULES = re.compile(r"(libc|libpthread|ld-linux[^/]*|ld|libstdc\+\+|libc\+\+)[.-].*|\[vdso\]")

UNNAMED_WRAPPERS = re.compile(r"libglib-2\.0\..*")
"""glib locks in functions of its own that a stripped file does not name."""

WRAPPERS = re.compile(
    r"_*(pthread_|sem_|mtx_|cnd_|thrd_|call_once|futex|lll_|gthread_)"
    r"|g_(mutex|rec_mutex|rw_lock|cond|static_|once|bit_|pointer_bit_)\w*"
    r"|vir(Mutex|RWLock|Cond|ObjectLock|ObjectRWLock|LockGuard|Once)(?!Job)"
    r"|qemu_(mutex|cond|sem|rec_mutex|event)_|bql_|qemu_(co_)?lock"
    r"|xmlR?Mutex(Lock|Unlock)"
    r"|PyThread_(acquire|release)_|PyThread_\w*lock"
    r"|(void )?std::(mutex|recursive_|timed_|shared_|lock|scoped_lock|unique_lock|condition_variable)"
    r"|(void )?std::(__|call_once|this_thread)"
    r"|(void )?boost::|(void )?absl::|Q(Mutex|ReadWriteLock|WaitCondition|Semaphore)"
    r"|(std|parking_lot|core)::\w*sync|<?std::sys"
)
"""Functions whose business is to lock: the one that calls them tells more."""


@dataclass(frozen=True, slots=True)
class KnownSite:
    """`functions` (a regular expression) wait only for locks of one structure, called `name`."""

    functions: re.Pattern[str]
    name: str


KNOWN_SITES = (
    KnownSite(re.compile(r"virThreadPool(Worker|SendJob|Stop|Drain|Free|Get|Set)\w*"), "virThreadPool"),
    KnownSite(re.compile(r"virQEMUDriverGetConfig|virQEMUDriverGetCapabilities"), "virQEMUDriver"),
    KnownSite(re.compile(r"virEventThread(New|Start)\w*"), "virEventThreadData"),
    KnownSite(
        re.compile(r"xmlDict(Free|Reference|Create\w*)|xmlInitializeDict|__xml(Random|InitializeDict)"),
        "xmlDictMutex",
    ),
    KnownSite(re.compile(r"g_main_(context|loop)_\w+|g_source_(attach|destroy)\w*"), "GMainContext"),
    KnownSite(re.compile(r"g_async_queue_\w+"), "GAsyncQueue"),
    KnownSite(re.compile(r"g_thread_pool_\w+"), "GThreadPool"),
)


EVENT_LOOP = KnownSite(
    re.compile(r"vir(NetSocket(Add|Update|Remove)IOCallback|Event(Add|Update|Remove)(Handle|Timeout))"),
    "libvirt event loop",
)
"""Functions whose one plain lock is the event loop's: it is taken below them, in functions that a stripped
file does not name."""

MOST_UNNAMED = 2

LOCKING_FUNCTIONS = (KnownSite(re.compile(r"PyThread_acquire_lock(_timed)?"), "Python thread lock"),)
"""Functions that implement one sort of lock: it is told by the function that waits, whoever has called it."""


def first_caller(stack: Stack) -> Frame | None:
    """The innermost frame that belongs to the program rather than to locking itself; of a stack that has no
    such frame the outermost."""
    for frame in stack.frames:
        if not _only_locks(frame):
            return frame
    return stack.frames[-1] if stack.frames else None


def _only_locks(frame: Frame) -> bool:
    if frame.function is None:
        return bool(WRAPPER_MODULES.fullmatch(frame.module) or UNNAMED_WRAPPERS.fullmatch(frame.module))
    return bool(WRAPPER_MODULES.fullmatch(frame.module) or WRAPPERS.match(frame.function))


def known_structure(stack: Stack) -> str | None:
    """The structure that the waiting function's locks belong to, where it is certain."""
    caller = first_caller(stack)
    if caller is None:
        return None
    return _known(caller, KNOWN_SITES) or _known(_named_above(stack, caller), [EVENT_LOOP])


def _named_above(stack: Stack, caller: Frame) -> Frame | None:
    """The caller; or where it has no name the function that called it, in the same file."""
    index = stack.frames.index(caller)
    for frame in stack.frames[index : index + MOST_UNNAMED + 1]:
        if frame.module != caller.module or frame.function is not None:
            return frame if frame.module == caller.module else None
    return None


def known_lock(stack: Stack) -> str | None:
    """The sort of lock that the function implements that called libc to wait."""
    outside = (frame for frame in stack.frames if not WRAPPER_MODULES.fullmatch(frame.module))
    return _known(next(outside, None), LOCKING_FUNCTIONS)


def _known(frame: Frame | None, sites: Iterable[KnownSite]) -> str | None:
    function = (frame.function or "") if frame is not None else ""
    return next((site.name for site in sites if site.functions.fullmatch(function)), None)


def joined(stack: Stack) -> str:
    """A thread that is waited for until it ends, by who waits."""
    caller = first_caller(stack)
    return f"thread joined in {caller.label}" if caller is not None else "joined thread"


def in_words(noun: str, stack: Stack) -> str:
    """`heap lock first waited for in virThreadPoolWorker`; the noun alone where no frame is known."""
    caller = first_caller(stack)
    return f"{noun} {FIRST_WAITED} {caller.label}" if caller is not None else noun
