"""Targets as /proc shows them, and what cannot be one."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tracer.errors import TargetError
from tracer.process import (
    PF_KTHREAD,
    Mapping,
    check_kind,
    check_machine,
    find_process,
    open_mapped,
    parse_mapping,
    read_mappings,
    thread_ids,
    thread_name,
)

OWN = os.getpid()
LINE = b"7f00-8000 r-xp 00001000 08:02 123                        "


def test_itself() -> None:
    process = find_process(OWN)
    assert process.pid == OWN
    assert process.exe == str(Path(sys.executable).resolve())
    assert process.comm == Path("/proc/self/comm").read_text().strip()
    assert not process.other_namespace
    assert process.ns_inode == Path("/proc/self/ns/pid").stat().st_ino
    assert process.start_time > 0


@pytest.mark.parametrize("pid", [0, -1, 1 << 22, 1 << 80])
def test_a_pid_that_nobody_has(pid: int) -> None:
    with pytest.raises(TargetError, match=f"no process has pid {pid}") as caught:
        find_process(pid)
    assert "pidof" in caught.value.hint
    assert thread_ids(pid) == ()
    assert thread_name(pid, pid) is None
    with pytest.raises(TargetError, match="has ended"):
        read_mappings(pid)


def test_a_zombie() -> None:
    with subprocess.Popen(["true"]) as child:
        deadline = time.monotonic() + 30
        while ") Z " not in Path(f"/proc/{child.pid}/stat").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(TargetError, match="it is a zombie"):
            find_process(child.pid)
        with pytest.raises(TargetError, match="has ended"):
            read_mappings(child.pid)


def test_a_thread_names_its_process() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    tid = thread.native_id
    assert tid is not None
    try:
        assert set(thread_ids(OWN)) >= {OWN, tid}
        assert thread_name(OWN, tid) is not None
        with pytest.raises(TargetError, match=f"{tid} is a thread of process {OWN}") as caught:
            find_process(tid)
        assert caught.value.hint == f"use --pid {OWN}"
    finally:
        done.set()
        thread.join()


def test_a_kernel_thread() -> None:
    with pytest.raises(TargetError, match="kernel thread"):
        check_kind(2, f"S 0 0 0 0 -1 {PF_KTHREAD | 0x40}".split())


def test_programs_for_other_machines() -> None:
    x86_64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0"
    check_machine("prog", x86_64)
    with pytest.raises(TargetError, match="prog is a 32-bit process"):
        check_machine("prog", b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x03\0\x03\0")
    with pytest.raises(TargetError, match="no x86-64 program"):
        check_machine("prog", x86_64[:18] + b"\xb7\0")
    with pytest.raises(TargetError, match="no x86-64 program"):
        check_machine("prog", b"")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/usr/lib/libx.so", "/usr/lib/libx.so"),
        (b"/usr/lib/libx.so (deleted)", "/usr/lib/libx.so"),
        (b"/tmp/two words\\012lines", "/tmp/two words\nlines"),
        (b"/tmp/\xff", "/tmp/\udcff"),
        (b"[vdso]", "[vdso]"),
        (b"", ""),
    ],
)
def test_a_mapping(path: bytes, expected: str) -> None:
    mapping = parse_mapping((LINE + path).rstrip())
    assert mapping == Mapping(0x7F00, 0x8000, 0x1000, "r-xp", "08:02", 123, expected)
    assert mapping.executable


def test_the_very_file_that_is_mapped_is_opened() -> None:
    for mapping in read_mappings(OWN):
        if mapping.executable and mapping.inode:
            fd = open_mapped(OWN, mapping)
            assert os.fstat(fd).st_ino == mapping.inode
            os.close(fd)


def test_a_file_in_the_place_of_the_mapped_one_is_not_opened(tmp_path: Path) -> None:
    """The mapping is made up, so that there is no way to its file."""
    other = tmp_path / "libx.so"
    other.write_bytes(b"another file")
    mapping = Mapping(0x1000, 0x2000, 0, "r-xp", "00:00", other.stat().st_ino + 1, str(other))
    with pytest.raises(OSError):
        open_mapped(OWN, mapping)
