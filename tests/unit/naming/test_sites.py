import pytest

from tracer.model.stacks import NO_STACK, Frame, Stack, StackEnd
from tracer.naming.sites import first_caller, in_words, known_lock, known_structure


def stack(*functions: str | None, module: str = "libvirt.so.0") -> Stack:
    frames = [Frame("pthread_mutex_lock", "libc.so.6", 0x8000, 0x7F0000008000)]
    frames += [Frame(function, module, 0x1234, 0x550000001234) for function in functions]
    return Stack(tuple(frames), StackEnd.COMPLETE)


@pytest.mark.parametrize(
    "wrappers",
    [
        ("virMutexLock",),
        ("virCondWaitUntil",),
        ("virObjectLock",),
        ("xmlRMutexLock",),
        ("g_mutex_lock_slowpath", "g_mutex_lock"),
        ("g_cond_wait_until",),
        ("std::mutex::lock()", "std::lock_guard<std::mutex>::lock_guard(std::mutex&)"),
        ("__gthread_mutex_lock(pthread_mutex_t*)", "std::unique_lock<std::mutex>::lock()"),
        ("qemu_mutex_lock_impl",),
        (),
    ],
)
def test_the_caller_is_the_first_that_does_more_than_lock(wrappers: tuple[str, ...]) -> None:
    caller = first_caller(stack(*wrappers, "work", "main"))
    assert caller is not None
    assert caller.function == "work"


@pytest.mark.parametrize(
    "function", ["virThreadPoolWorker", "semantics", "pthread", "std::vector<int>::push_back(int)"]
)
def test_a_function_that_is_only_called_alike_is_a_caller(function: str) -> None:
    caller = first_caller(stack(function, "main"))
    assert caller is not None
    assert caller.function == function


def test_a_stack_within_libc_has_its_outermost_frame() -> None:
    caller = first_caller(stack("free", "exit", module="libc.so.6"))
    assert caller is not None
    assert caller.function == "exit"


def test_an_unnamed_function_of_glib_is_no_caller() -> None:
    unnamed = Frame(None, "libglib-2.0.so.0", 0xA899C, 0x7F00000A899C)
    inner = stack("g_main_context_check", "g_main_loop_run", module="libglib-2.0.so.0").frames
    assert known_structure(Stack((unnamed, *inner), StackEnd.COMPLETE)) == "GMainContext"


def test_words() -> None:
    assert in_words("heap lock", stack("work")) == "heap lock first waited for in work"
    assert in_words("heap lock", stack(None)) == "heap lock first waited for in libvirt.so.0+0x1234"
    assert in_words("heap lock", NO_STACK) == "heap lock"


@pytest.mark.parametrize(
    ("function", "structure"),
    [
        ("virThreadPoolWorker", "virThreadPool"),
        ("virThreadPoolSendJob", "virThreadPool"),
        ("virQEMUDriverGetConfig", "virQEMUDriver"),
        ("g_main_context_wakeup", "GMainContext"),
        ("virEventAddTimeout", "libvirt event loop"),
        ("virEventThreadNew", "virEventThreadData"),
        ("__xmlRandom", "xmlDictMutex"),
        ("remoteDispatchDomainGetInfo", None),
    ],
)
def test_functions_that_know_one_structure(function: str, structure: str | None) -> None:
    assert known_structure(stack("virMutexLock", function, "main")) == structure


def test_a_sort_of_lock_is_told_by_its_own_function() -> None:
    assert known_lock(stack("PyThread_acquire_lock_timed", None, "main")) == "Python thread lock"
    assert known_lock(stack("work", "PyThread_acquire_lock_timed", "main")) is None
    assert known_lock(NO_STACK) is None


@pytest.mark.parametrize(
    ("functions", "structure"),
    [
        ((None, "virNetSocketUpdateIOCallback"), "libvirt event loop"),
        ((None, None, "virNetSocketUpdateIOCallback"), "libvirt event loop"),
        ((None, None, None, "virNetSocketUpdateIOCallback"), None),
        (("work", "virNetSocketUpdateIOCallback"), None),
        ((None, "virThreadPoolSendJob"), None),
        ((None,), None),
    ],
)
def test_the_event_loops_lock_is_taken_in_unnamed_functions(
    functions: tuple[str | None, ...], structure: str | None
) -> None:
    assert known_structure(stack(*functions)) == structure


def test_a_structure_is_told_by_the_caller_alone() -> None:
    assert known_structure(stack("virMutexLock", "work", "virThreadPoolWorker")) is None
