"""Names and identities of locks of running programs, against what the programs say of themselves."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from harness import Build, Program, Trace, attached, trace

OPTIONS = ("--kinds", "all", "--threshold", "100us", "--mutex-probe", "off")


def locks_at(report: dict[str, Any], pid: int) -> dict[int, dict[str, Any]]:
    """The report's locks of one process by address."""
    return {int(lock["address"], 16): lock for lock in report["locks"] if lock["pid"] == pid}


def run(program: Path, folder: Path, *options: str) -> Trace:
    with Program([program]) as running:
        return trace(running, folder, *OPTIONS, *options)


@pytest.fixture(scope="module")
def objects(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return run(build("objects.c", packages=("gobject-2.0",)), tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="module")
def named(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return run(build("variables.cc"), tmp_path_factory.mktemp("variables"))


@pytest.mark.parametrize(
    ("which", "name", "kind", "class_name"),
    [
        ("lock", "WorkStore+0x18", "mutex", "WorkStore"),
        ("table_lock", "WorkStore+0x70", "rwlock", "WorkStore"),
        ("changed", "WorkStore+0x40 cond", "cond", "WorkStore"),
        ("parent_lock", "WorkQueue+0x18", "mutex", "WorkQueue"),
        ("queue_lock", "WorkQueue+0xe8", "mutex", "WorkQueue"),
        ("plain", "heap lock first waited for in hold", "mutex", None),
    ],
)
def test_objects(objects: Trace, which: str, name: str, kind: str, class_name: str | None) -> None:
    lock = locks_at(objects.report, objects.pid)[objects.program[which]]
    assert (lock["name"], lock["identity"], lock["kind"], lock["class"]) == (name, name, kind, class_name)


def test_memory_that_was_an_object_is_none_any_more(objects: Trace) -> None:
    known = {address for what, address in objects.program.items() if what != "pid"}
    others = [
        lock
        for address, lock in locks_at(objects.report, objects.pid).items()
        if address not in known and lock["kind"] == "mutex"
    ]
    assert sum(lock["waits"] for lock in others if "hold_reused" in lock["name"]) >= 30
    assert all(lock["class"] is None for lock in others)


def test_an_object_that_was_waited_for_before_the_attach(build: Build, tmp_path: Path) -> None:
    with Program([build("objects.c", packages=("gobject-2.0",)), "stuck"]) as running:
        traced = trace(running, tmp_path, *OPTIONS)
    (waiting,) = (
        one for one in traced.report["waiting"] if int(one["lock"], 16) == traced.program["queue_lock"]
    )
    assert waiting["before_attach"]
    assert locks_at(traced.report, traced.pid)[traced.program["queue_lock"]]["name"] == "WorkQueue+0xe8"


@pytest.mark.parametrize(
    "name",
    ["alone", "state.lock", "state.nested.inner", "table[3][1].lock", "store.guard", "Store::shared"],
)
def test_variables_and_their_members(named: Trace, name: str) -> None:
    lock = locks_at(named.report, named.pid)[named.program[name]]
    assert lock["name"] == name
    assert lock["waits"] > 0


HEAP_OBJECTS = {
    "base": ("shop::Store.base_guard", "shop::Store+0x8", "shop::Store"),
    "element": ("shop::Store.locks[1]", "shop::Store+0x78", "shop::Store"),
    "box": ("shop::Box<shop::Account*>.guard", "shop::Box<shop::Account*>+0x38", "shop::Box<shop::Account*>"),
    "account": ("shop::Account.guard", "shop::Account+0x8", "shop::Account"),
    "shared": ("shop::Store.locks[2]", "shop::Store+0xa0", "shop::Store"),
}


@pytest.mark.parametrize("flags", [(), ("-s", "-g0")])
def test_locks_in_objects_on_the_heap(build: Build, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """A stripped program's classes are known by its run-time type information."""
    traced = run(build("heap_objects.cc", *flags), tmp_path)
    locks = locks_at(traced.report, traced.pid)
    for what, (with_members, stripped, class_name) in HEAP_OBJECTS.items():
        lock = locks[traced.program[what]]
        assert (lock["name"], lock["class"]) == (stripped if flags else with_members, class_name)
    for what in ("pair", "plain"):
        lock = locks[traced.program[what]]
        assert lock["class"] is None
        assert lock["name"].startswith("heap lock first waited for in ")


def test_a_lock_on_a_stack(named: Trace) -> None:
    lock = locks_at(named.report, named.pid)[named.program["on_stack"]]
    assert lock["name"].startswith("lock on the stack of stack-owner/")
    assert lock["identity"].startswith("lock on a stack first waited for in hold")


def test_a_lock_on_the_heap(named: Trace) -> None:
    lock = locks_at(named.report, named.pid)[named.program["on_heap"]]
    assert lock["name"].startswith("heap lock first waited for in hold")


def thread_locals(build: Build, folder: Path, *flags: str) -> dict[str, dict[str, Any]]:
    """The locks of a program with thread-local ones, by what they are to it."""

    def library(variable: str) -> Path:
        return build("thread_local_library.c", "-shared", "-fPIC", f"-DVARIABLE={variable}", *flags)

    command = [build("thread_locals.c", *flags), library("late")]
    with Program(command, env=os.environ | {"LD_PRELOAD": str(library("initial"))}) as program:
        traced = trace(program, folder, *OPTIONS)
    locks = locks_at(traced.report, traced.pid)
    return {what: locks[address] for what, address in traced.program.items() if what != "pid"}


def test_thread_local_locks(build: Build, tmp_path: Path) -> None:
    locks = thread_locals(build, tmp_path)
    program = build("thread_locals.c").name
    assert locks["first"]["name"].startswith(f"own+0x8 of {program[:15]}/")
    for what, place in (("own", "own+0x8"), ("initial", "initial"), ("late", "late")):
        assert locks[what]["name"].startswith(f"{place} of owner/")
    assert locks["own"]["identity"] == locks["first"]["identity"] == f"{program}:own+0x8"
    assert locks["late"]["identity"].endswith(".so:late")


def test_thread_local_locks_without_symbols(build: Build, tmp_path: Path) -> None:
    locks = thread_locals(build, tmp_path, "-s")
    assert locks["first"]["name"].startswith("thread-local lock of thread_locals")
    assert locks["own"]["name"].startswith("thread-local lock of owner/")
    assert locks["own"]["identity"] == locks["first"]["identity"]
    assert ":thread-local+0x" in locks["own"]["identity"]
    assert locks["late"]["name"].startswith("late of owner/")


def test_a_stack_in_another_pid_namespace(build: Build, tmp_path: Path) -> None:
    """The program knows its threads by other ids than the report does."""
    command = ["unshare", "--pid", "--fork", "--kill-child", str(build("variables.cc"))]
    file = tmp_path / "report.json"
    with Program(command) as program:
        unshare = program.process.pid
        pid = int(Path(f"/proc/{unshare}/task/{unshare}/children").read_text())
        with attached(pid, *OPTIONS, "--quiet", "--json", file) as lockwatch:
            program.go()
            own = program.result()
            names = {path.name: (path / "comm").read_text() for path in Path(f"/proc/{pid}/task").iterdir()}
            outcome = lockwatch.stop()
    assert outcome.status == 0, outcome.said
    assert own["pid"] == 1
    (owner,) = (tid for tid, name in names.items() if name == "stack-owner\n")
    assert (
        locks_at(json_of(file), pid)[own["on_stack"]]["name"] == f"lock on the stack of stack-owner/{owner}"
    )


def test_a_variable_without_debug_information(build: Build, tmp_path: Path) -> None:
    traced = run(build("variables.cc", "-g0"), tmp_path)
    locks = locks_at(traced.report, traced.pid)
    assert locks[traced.program["alone"]]["name"] == "alone"
    assert locks[traced.program["state.lock"]]["name"] == "state+0x28"
    assert locks[traced.program["table[3][1].lock"]]["name"] == "table+0x158"


def identities(traced: Trace) -> dict[str, str]:
    locks = locks_at(traced.report, traced.pid)
    return {what: locks[address]["identity"] for what, address in traced.program.items() if address in locks}


def test_identities_are_the_same_in_the_next_run(
    build: Build, objects: Trace, named: Trace, tmp_path: Path
) -> None:
    for source, packages, before in (("objects.c", ("gobject-2.0",), objects), ("variables.cc", (), named)):
        after = run(build(source, packages=packages), tmp_path)
        assert before.program != after.program
        assert len(identities(before)) >= 6
        assert identities(after) == identities(before)


def test_processes_agree_on_the_name_of_a_lock_that_they_share(build: Build, tmp_path: Path) -> None:
    program, file, report = build("shared.c"), tmp_path / "memory", tmp_path / "report.json"
    with Program([program, file, "create"]) as first, Program([program, file]) as second:
        with attached(first.pid, second.pid, *OPTIONS, "--quiet", "--json", report) as lockwatch:
            first.go()
            second.go()
            accounts = [first.result(), second.result()]
            outcome = lockwatch.stop()
        assert outcome.status == 0, outcome.said
    found = [locks_at(json_of(report), account["pid"])[account["lock"]] for account in accounts]
    assert {lock["name"] for lock in found} == {f"{file}+0x1140"}
    assert {lock["identity"] for lock in found} == {f"{file}+0x1140"}


def json_of(file: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(file.read_text())
    return report
