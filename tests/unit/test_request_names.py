"""Names of API calls from a daemon's tables: a fake process's memory with tables and code."""

import struct

import pytest

from tracer.requests.names import (
    ENTRY,
    PROGRAMS,
    api_name,
    has_tables,
    request_parts,
    table_names,
    unknown_name,
)

TABLE, LENGTH, CODE, TEXT = 0x1000, 0x2000, 0x3000, 0x4000


class FakeMemory:
    """What a Memory offers, over a few pieces."""

    def __init__(self, pieces: dict[int, bytes]) -> None:
        self.pieces = pieces

    def read_some(self, address: int, size: int) -> bytes:
        for start, data in self.pieces.items():
            if start <= address < start + len(data):
                return data[address - start : address - start + size]
        return b""

    def read(self, address: int, size: int) -> bytes | None:
        data = self.read_some(address, size)
        return data if len(data) == size else None

    def u64(self, address: int) -> int | None:
        data = self.read(address, 8)
        return int.from_bytes(data, "little") if data else None

    def c_string(self, address: int, limit: int) -> str | None:
        data, found, _ = self.read_some(address, limit).partition(b"\0")
        return data.decode() if found else None


def lea(at: int, to: int) -> bytes:
    """lea to(%rip), %rdx, assembled for address `at`."""
    return b"\x48\x8d\x15" + struct.pack("<i", to - at - 7)


def daemon(code: bytes, texts: bytes, entries: int = 3) -> FakeMemory:
    """A daemon whose second procedure has a helper at CODE; the first and the others have none."""
    table = bytes(ENTRY) + struct.pack("<Q", CODE) + bytes(ENTRY - 8) + bytes(ENTRY) * (entries - 2)
    return FakeMemory({TABLE: table, LENGTH: struct.pack("<Q", entries), CODE: code, TEXT: texts})


def address_of(name: str) -> int | None:
    return {"remoteProcs": TABLE, "remoteNProcs": LENGTH}.get(name)


@pytest.mark.parametrize(
    ("dispatcher", "name"),
    [
        ("remoteDispatchDomainCreateWithFlagsHelper", "virDomainCreateWithFlags"),
        ("remoteDispatchConnectOpen", "virConnectOpen"),
        ("qemuDispatchDomainMonitorCommandHelper", "qemuDomainMonitorCommand"),
        ("adminDispatchConnectOpenHelper", "adminConnectOpen"),
        ("virDomainCreate", None),
        ("", None),
    ],
)
def test_api_name_from_dispatcher(dispatcher: str, name: str | None) -> None:
    assert api_name(dispatcher) == name


def test_helper_names_itself_after_other_strings() -> None:
    texts = b"some other text\0remoteDispatchDomainGetInfoHelper\0"
    code = b"\x90" * 4 + lea(CODE + 4, TEXT) + lea(CODE + 11, TEXT + 16)
    names = table_names(daemon(code, texts), address_of)  # type: ignore[arg-type]
    assert names == {(PROGRAMS["remote"], 1): "virDomainGetInfo"}


@pytest.mark.parametrize(
    "code",
    [b"", b"\x90" * 600, b"\x48\x8d\x15\x00", lea(CODE, 0x9999), lea(CODE, TEXT + 1)],
    ids=["no code", "no reference", "cut off", "unmapped text", "another text"],
)
def test_code_without_a_name_gives_none(code: bytes) -> None:
    memory = daemon(code, b"remoteDispatchDomainGetInfoHelper\0")
    assert table_names(memory, address_of) == {}  # type: ignore[arg-type]


def test_absurd_length_reads_no_table() -> None:
    memory = daemon(b"", b"")
    memory.pieces[LENGTH] = struct.pack("<Q", 1 << 60)
    assert table_names(memory, address_of) == {}  # type: ignore[arg-type]


def test_process_without_tables_is_no_daemon() -> None:
    assert not has_tables(lambda name: None)
    assert has_tables(address_of)


def test_request_holds_program_and_procedure() -> None:
    request = PROGRAMS["remote"] << 32 | 196 << 8 | 1
    assert request_parts(request) == (PROGRAMS["remote"], 196)
    assert unknown_name(request) == "0x20008086/196"
