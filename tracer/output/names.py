"""Names from the target, made safe: they may hold anything that a hostile process likes."""

import re

from tracer.model.locks import Lock, Owner, Thread

# A stack line of the folded format ends in a number; a number before it would be taken for a second column.
_NUMBER_AT_END = re.compile(r"\s+(\d+(?:\.\d*)?)$")


def printable(name: str) -> str:
    """`name` with everything that does not print (controls, direction marks, lone surrogates) spelt out."""
    if name.isprintable():
        return name
    return "".join(letter if letter.isprintable() else _spelt_out(letter) for letter in name)


def _spelt_out(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def folded_name(name: str) -> str:
    """`name` as one frame of a folded stack: no separator, no control character, never empty."""
    text = printable(name).replace(";", ":").strip()
    return text or "[unnamed]"


def folded_lock(lock: Lock) -> str:
    """The innermost frame, which names the lock and does not end in a number of its own."""
    return _NUMBER_AT_END.sub(r"_\1", folded_name(f"lock {lock.name}"))


def without_surrogates(name: str) -> str:
    """`name` as text that every JSON reader accepts: undecodable bytes become U+FFFD."""
    return name.encode("utf-8", "replace").decode("utf-8") if not name.isascii() else name


def thread_label(thread: Thread) -> str:
    return f"{printable(thread.name)}/{thread.tid}"


def owner_label(owner: Owner) -> str:
    return f"{printable(owner.thread)}/{owner.tid}"
