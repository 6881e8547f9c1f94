"""Names of generated code, from a file that any program may write anything into."""

import os
from pathlib import Path

import pytest

from tracer.symbols.perf_map import PerfMap


def test_names_by_address_and_growth(tmp_path: Path) -> None:
    file = tmp_path / "perf-1.map"
    file.write_bytes(b"1000 20 first\n2000 10 a b c\nnonsense\nzz 10 bad\n3000\n")
    names = PerfMap(str(file))
    assert [names.find(a) for a in (0xFFF, 0x1000, 0x101F, 0x1020, 0x2005)] == [
        None,
        b"first",
        b"first",
        None,
        b"a b c",
    ]
    with file.open("ab") as more:
        more.write(b"1000 8 second\n4000 10 late\n")
    assert [names.find(a) for a in (0x1000, 0x1008, 0x4000)] == [b"second", None, b"late"]


@pytest.mark.timeout(10)
def test_what_is_no_plain_file_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "plain").write_bytes(b"1000 10 secret\n")
    (tmp_path / "link").symlink_to(tmp_path / "plain")
    for name in ("pipe", "link", "missing", "."):
        assert PerfMap(str(tmp_path / name)).find(0x1000) is None
