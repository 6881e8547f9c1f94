"""What is read from machine code: branches, and the layout of a library's objects."""

import pytest

from tracer.locks.code import branch_targets, first_loaded_member


def test_direct_branches_only() -> None:
    code = bytes.fromhex("e8fb0f00007405e9f41f0000ffd0ff2500000000c3")
    assert list(branch_targets(code, 0x1000)) == [0x2000, 0x100C, 0x3000]


def test_bytes_that_are_no_code_are_stepped_over() -> None:
    assert list(branch_targets(bytes.fromhex("0606e8f9000000"), 0x1000)) == [0x1100]


@pytest.mark.parametrize(
    ("code", "offset"),
    [
        ("4157 4156 53 4883ec28 8b5f24 89d8", 36),
        ("8b5f1c", 28),
        ("4889fd 53 8b4524", 36),
        ("4885ff 741b 8b87d0020000", 720),
        ("488b07 8b4724", 36),
        ("8b07 8b4724", 36),
        ("488d4708 8b4724", 36),
        ("4889f7 8b4724", None),
        ("e800000000 8b4724", None),
        ("8b4624", None),
        ("c3", None),
        ("", None),
    ],
)
def test_the_first_member_that_is_loaded(code: str, offset: int | None) -> None:
    assert first_loaded_member(bytes.fromhex(code), 0x1000) == offset
