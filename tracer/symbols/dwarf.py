"""Debug information of one file, opened without reading more of it than is asked for."""

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo

from tracer.elf import Elf, guarded
from tracer.errors import FileError

LARGEST_INFLATED = 96 << 20
"""Bytes of compressed sections, unpacked, above which a file's debug information is left alone."""

READ_WHOLE = 1 << 20
"""Bytes up to which an uncompressed section is read at once."""

MOST_UNITS_SCANNED = 1000
"""Units without an entry in .debug_aranges that are opened in search of an address."""

SHF_COMPRESSED = 0x800

_USED = {
    "debug_info_sec": ".debug_info",
    "debug_abbrev_sec": ".debug_abbrev",
    "debug_str_sec": ".debug_str",
    "debug_line_sec": ".debug_line",
    "debug_line_str_sec": ".debug_line_str",
    "debug_addr_sec": ".debug_addr",
    "debug_str_offsets_sec": ".debug_str_offsets",
    "debug_ranges_sec": ".debug_ranges",
    "debug_rnglists_sec": ".debug_rnglists",
}
_UNUSED = (
    "debug_aranges_sec",
    "debug_frame_sec",
    "eh_frame_sec",
    "debug_loc_sec",
    "debug_pubtypes_sec",
    "debug_pubnames_sec",
    "debug_loclists_sec",
    "debug_sup_sec",
    "gnu_debugaltlink_sec",
    "debug_types_sec",
)


class SectionStream(io.RawIOBase):
    """Part of a file as a stream of its own, at a position of its own."""

    def __init__(self, elf: Elf, offset: int, size: int) -> None:
        super().__init__()
        self._elf = elf
        self._offset = offset
        self._size = size
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        left = max(self._size - self._position, 0)
        count = left if size < 0 else min(size, left)
        data = self._elf.read(self._offset + self._position, count)
        self._position += count
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position


def open_dwarf(elf: Elf) -> Any:
    """A DWARFInfo of pyelftools. Raises FileError where there is none, or too much of it is compressed."""
    headers = guarded(lambda: {section.name: section for section in elf.file.iter_sections()})
    sections = {parameter: headers.get(name) for parameter, name in _USED.items()}
    if sections["debug_info_sec"] is None or sections["debug_line_sec"] is None:
        raise FileError("no debug information")
    packed = [one for one in sections.values() if one is not None and one["sh_flags"] & SHF_COMPRESSED]
    if sum(section.data_size for section in packed) > LARGEST_INFLATED:
        raise FileError("too much compressed debug information")
    described = {parameter: _descriptor(elf, section) for parameter, section in sections.items()}
    config = DwarfConfig(little_endian=True, default_address_size=8, machine_arch="x64")
    return DWARFInfo(config, **described, **dict.fromkeys(_UNUSED))


def _descriptor(elf: Elf, section: Any) -> DebugSectionDescriptor | None:
    if section is None or section["sh_type"] == "SHT_NOBITS":
        return None
    size = section.data_size
    if section["sh_flags"] & SHF_COMPRESSED or section["sh_size"] <= READ_WHOLE:
        stream: Any = io.BytesIO(guarded(section.data))
    else:
        stream = SectionStream(elf, section["sh_offset"], section["sh_size"])
    return DebugSectionDescriptor(stream, section.name, section["sh_offset"], size, section["sh_addr"])


class UnitIndex:
    """The compilation unit that covers an address, as an offset in .debug_info."""

    def __init__(self, dwarf: Any, aranges: bytes) -> None:
        self._dwarf = dwarf
        self._listed = sorted(_aranges(aranges))
        self._scanned: list[tuple[int, int, int]] | None = None

    def find(self, address: int) -> int | None:
        found = _covering(self._listed, address)
        if found is None:
            if self._scanned is None:
                self._scanned = sorted(self._scan())
            found = _covering(self._scanned, address)
        return found

    def _scan(self) -> Iterator[tuple[int, int, int]]:
        """The ranges of units that .debug_aranges leaves out, as clang's and Rust's do."""
        listed = {offset for _, _, offset in self._listed}
        opened = 0
        units = self._dwarf.iter_CUs()
        while (unit := guarded(next, units, None)) is not None and opened < MOST_UNITS_SCANNED:
            if unit.cu_offset not in listed:
                opened += 1
                for start, end in guarded(_unit_ranges, self._dwarf, unit):
                    yield start, end, unit.cu_offset


def _covering(ranges: list[tuple[int, int, int]], address: int) -> int | None:
    index = bisect_right(ranges, (address, 1 << 64, 0)) - 1
    return ranges[index][2] if index >= 0 and address < ranges[index][1] else None


def _aranges(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(start, end, unit) of .debug_aranges with 64-bit addresses; sets of another form are left out."""
    at = 0
    while at + 12 <= len(data):
        length, version, unit, address_size, segment_size = struct.unpack_from("<IHIBB", data, at)
        after = at + 4 + length
        if length >= 0xFFFFFFF0 or after > len(data):
            return
        if version == 2 and address_size == 8 and not segment_size:
            pairs = data[at + 16 : after]
            for start, size in struct.iter_unpack("<QQ", pairs[: len(pairs) // 16 * 16]):
                if size:
                    yield start, start + size, unit
        at = after


def _unit_ranges(dwarf: Any, unit: Any) -> list[tuple[int, int]]:
    attributes = unit.get_top_DIE().attributes
    low = attributes["DW_AT_low_pc"].value if "DW_AT_low_pc" in attributes else 0
    if "DW_AT_ranges" in attributes:
        return _listed_ranges(dwarf, unit, attributes["DW_AT_ranges"].value, low)
    if "DW_AT_high_pc" not in attributes:
        return []
    high = attributes["DW_AT_high_pc"]
    return [(low, high.value if high.form == "DW_FORM_addr" else low + high.value)]


def _listed_ranges(dwarf: Any, unit: Any, offset: int, base: int) -> list[tuple[int, int]]:
    found = []
    for entry in dwarf.range_lists().get_range_list_at_offset(offset, unit):
        if hasattr(entry, "base_address"):
            base = entry.base_address
        else:
            start = 0 if entry.is_absolute else base
            found.append((start + entry.begin_offset, start + entry.end_offset))
    return found
