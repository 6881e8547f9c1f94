"""Opening a recording: a new one to write, or an old one to read."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from tracer.errors import FileError
from tracer.recording.schema import APPLICATION_ID, FILE_MAGIC, VERSION, schema

# A reader of the growing file is given way to: the rows are kept and written a second later.
BUSY_SECONDS = 0.05


def prepare(path: str | Path) -> None:
    """Makes an empty file for `create`. Raises FileError where no recording could be made."""
    _make_way(Path(path))


def create(path: Path) -> sqlite3.Connection:
    """An empty recording in the place of an earlier one. Raises FileError, also where no recording was."""
    _make_way(path)
    try:
        # The trace's own thread opens it, its reader's thread may be another; they take turns.
        database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # Every commit reaches the kernel, so it outlives this process however that ends; waiting for the
        # disk as well would hold up the tracer, and a target that uses the same disk.
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(f"BEGIN;\n{schema()}\nCOMMIT;")
    except sqlite3.Error as error:
        raise FileError(f"cannot write {path}: {error}") from error
    return database


def _make_way(path: Path) -> None:
    try:
        if path.exists():
            _refuse_other_files(path)
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
        with path.open("wb"):
            pass
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error


def _refuse_other_files(path: Path) -> None:
    if not stat.S_ISREG(path.stat().st_mode):
        raise FileError(f"cannot write {path}: not a regular file", "a recording needs a file of its own")
    with path.open("rb") as file:
        start = file.read(len(FILE_MAGIC))
    if start not in (b"", FILE_MAGIC):
        raise FileError(f"{path} is not a recording: not overwritten", "remove it, or name another file")


def open_existing(path: Path) -> sqlite3.Connection:
    """A recording, to be read only. Raises FileError where it is none, or of another version."""
    try:
        with path.open("rb") as file:
            start = file.read(len(FILE_MAGIC))
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    if start != FILE_MAGIC:
        raise FileError(f"{path} is not a recording", "lockwatch record --output FILE makes one")
    try:
        database = _connect(path)
        _check_version(path, database)
        _check_pages(path, database)
    except sqlite3.Error as error:
        raise FileError(f"{path} is damaged: {error}") from error
    return database


def _check_pages(path: Path, database: sqlite3.Connection) -> None:
    """Every page and the type of every value: 0.2 s for a million waits."""
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        database.close()
        raise FileError(f"{path} is damaged: {verdict}")


def _connect(path: Path) -> sqlite3.Connection:
    uri = path.absolute().as_uri()
    database = sqlite3.connect(f"{uri}?mode=ro", uri=True, isolation_level=None)
    try:
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # A writer that was killed in the middle of a commit left a journal, which a reader must roll back.
        database.close()
        database = sqlite3.connect(f"{uri}?mode=rw", uri=True, isolation_level=None)
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return database


def _check_version(path: Path, database: sqlite3.Connection) -> None:
    mark = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if mark == APPLICATION_ID and version == VERSION:
        return
    with closing(database):
        if mark != APPLICATION_ID:
            raise FileError(f"{path} is not a recording", "it is some other SQLite file")
        raise FileError(
            f"{path} is a recording of version {version}; this lockwatch reads version {VERSION}",
            "use the lockwatch that made it, or record anew",
        )
