"""Symbol names as people read them: without versions, demangled, and safe to print."""

import re
from functools import lru_cache

import cxxfilt
from rust_demangler import demangle as demangle_rust

LONGEST_RAW = 4096
"""Bytes of a symbol's name that are looked at."""

LONGEST_NAME = 512
"""Characters of a name that are kept."""

MOST_REFERENCES = 48
"""Back references that a mangled name may hold: each can double what the name expands to."""

MOST_RUST_REFERENCES = 24

_LEGACY_RUST = re.compile(r"_ZN.*17h[0-9a-f]{16}E(?:\.|$)")
_RUST_V0 = re.compile(r"_R[A-Z]")
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}(?=\.|$)")
_CXX_REFERENCE = re.compile(r"[ST][0-9A-Z]*_")
_RUST_REFERENCE = re.compile(r"B[0-9A-Za-z]*_")
_CXX_SUFFIX = re.compile(r"\.[a-z_.0-9]+$")
_NESTED = re.compile(r"_ZN[rVKRO]*")
_SOURCE_NAME = re.compile(r"\d{1,4}")


def clean(name: str) -> str:
    """`name` on one line and of bounded length, without control characters and without `;`, which divides the
    frames of a folded stack."""
    kept = name[: LONGEST_NAME + 1]
    if not kept.isprintable() or ";" in kept:
        kept = "".join(c if c.isprintable() and c != ";" else "?" for c in kept)
    return kept if len(kept) <= LONGEST_NAME else kept[: LONGEST_NAME - 1] + "…"


def strip_version(name: str) -> str:
    """`memcpy` for `memcpy@@GLIBC_2.14`."""
    return name.partition("@")[0] if "@" in name[1:] else name


@lru_cache(maxsize=16384)
def readable(raw: bytes) -> str:
    """The name to show for a symbol's bytes. Never fails: what cannot be demangled stays as it is."""
    name = strip_version(raw[:LONGEST_RAW].decode("utf-8", "replace"))
    if len(raw) > LONGEST_RAW or not name.startswith(("_Z", "_R")):
        return clean(name)
    return clean(_demangled(name))


def _demangled(name: str) -> str:
    if _LEGACY_RUST.match(name):
        return _RUST_HASH.sub("", _rust(name))
    if _RUST_V0.match(name):
        return _rust(name)
    return _cxx(name)


def _rust(name: str) -> str:
    if len(_RUST_REFERENCE.findall(name)) > MOST_RUST_REFERENCES:
        return name
    try:
        return str(demangle_rust(name)) or name
    except Exception:  # the library lets IndexError, ValueError and its own errors out
        return name


def _cxx(name: str) -> str:
    """A C++ name; the compiler's own suffixes (`.cold`, `.isra.0`) are kept as they are."""
    suffix = _CXX_SUFFIX.search(name)
    mangled = name[: suffix.start()] if suffix else name
    if len(_CXX_REFERENCE.findall(mangled)) > MOST_REFERENCES:
        return _nested_names(mangled) or name
    try:
        demangled = str(cxxfilt.demangle(mangled))
    except (cxxfilt.Error, UnicodeError):
        return name
    return demangled + (suffix.group() if suffix else "")


def _nested_names(mangled: str) -> str:
    """`a::b` of `_ZN1a1bI...`: the plain names at the front, enough for what is too big to expand."""
    start = _NESTED.match(mangled)
    position = start.end() if start else len(mangled)
    names: list[str] = []
    while (length := _SOURCE_NAME.match(mangled, position)) is not None:
        end = length.end() + int(length.group())
        names.append(mangled[length.end() : end])
        position = end
    return "::".join(names)
