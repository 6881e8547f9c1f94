"""The file format: its version, its marks, and how values are laid into it."""

from importlib import resources

VERSION = 1
APPLICATION_ID = int.from_bytes(b"LKWT", "big")
FILE_MAGIC = b"SQLite format 3\0"
_SIGN = 1 << 63
_MASK = (1 << 64) - 1


def schema() -> str:
    """The SQL that makes an empty recording."""
    marks = f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {VERSION};\n"
    return marks + resources.files(__package__).joinpath("schema.sql").read_text()


def signed(address: int) -> int:
    """A 64-bit address as the signed number that SQLite can hold."""
    return address - (1 << 64) if address >= _SIGN else address


def unsigned(stored: int) -> int:
    return stored & _MASK


def storable(text: str) -> str:
    """`text` without what UTF-8 cannot hold: bytes that were no UTF-8 in the target are spelt out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
