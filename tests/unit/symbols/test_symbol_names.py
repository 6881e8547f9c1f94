"""Names are demangled, stripped of versions, and made safe to print, whatever a file holds."""

import pytest

from tracer.symbols.names import LONGEST_NAME, clean, readable, strip_version


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"pthread_mutex_lock", "pthread_mutex_lock"),
        (b"pthread_cond_wait@@GLIBC_2.3.2", "pthread_cond_wait"),
        (b"_ZNSt5mutex4lockEv", "std::mutex::lock()"),
        (b"_ZN4Pool4workEi.cold", "Pool::work(int).cold"),
        (b"_ZN4Pool4workEi.isra.0", "Pool::work(int).isra.0"),
        (b"_ZN1a4hold17h68afa6fab2e92714E", "a::hold"),
        (b"_ZN3std3sys4sync5Mutex4lock17h0123456789abcdefE.llvm.77", "std::sys::sync::Mutex::lock"),
        (b"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"),
        (b"_RINvCs6xxl1lAjzDf_1a4holdlEB2_", "a::hold::<i32>"),
        (b"_Z", "_Z"),
        (b"_ZN", "_ZN"),
        (b"_R", "_R"),
        (b"_RNvC", "_RNvC"),
        (b"_RNvB_1a", "_RNvB_1a"),
        (b"", ""),
        (b"@plain", "@plain"),
    ],
)
def test_readable(raw: bytes, name: str) -> None:
    assert readable(raw) == name


def test_names_hold_nothing_that_breaks_a_line_or_a_folded_stack() -> None:
    assert readable(b"a\nb;c\x1b[31m\t\xff") == "a?b?c?[31m?\ufffd"


def test_overlong_names_are_cut() -> None:
    name = readable(b"x" * 1_000_000)
    assert len(name) == LONGEST_NAME
    assert name == "x" * (LONGEST_NAME - 1) + "…"
    assert clean("y" * LONGEST_NAME) == "y" * LONGEST_NAME


def test_a_mangled_name_that_would_explode_is_not_expanded() -> None:
    doubling = "_ZN1a1bI" + "".join(f"St4pairIS{index:X}_S{index:X}_E" for index in range(40)) + "EEvv"
    assert readable(doubling.encode()) == "a::b"


def test_rust_name_with_many_back_references_stays_as_it_is() -> None:
    name = "_RINvC1a1b" + "TB2_B2_E" * 40 + "E"
    assert readable(name.encode()) == name


@pytest.mark.parametrize(
    ("name", "plain"), [("memcpy@GLIBC_2.2.5", "memcpy"), ("memcpy", "memcpy"), ("@x", "@x")]
)
def test_strip_version(name: str, plain: str) -> None:
    assert strip_version(name) == plain
