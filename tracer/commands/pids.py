"""Process ids as `--pid` takes them: repeated, with commas, or as `$(pidof NAME)` expands."""

from pathlib import Path

from tracer.errors import UsageError

OPTION = "--pid"
SPLIT_DAEMON = "virtqemud"  # what runs in libvirtd's place where libvirt is split up


def gather_pids(arguments: list[str]) -> list[str]:
    """The arguments with every pid that follows a `--pid` under an option of its own.

    Raises UsageError for a `--pid` that no pid follows: `pidof` has found no process.
    """
    gathered: list[str] = []
    index = 0
    while index < len(arguments):
        if arguments[index] == "--":
            return gathered + arguments[index:]
        if arguments[index] != OPTION:
            gathered.append(arguments[index])
            index += 1
            continue
        following = _pids_after(arguments, index + 1)
        if not following:
            raise UsageError("no pid given: is it running?", _advice())
        for pid in following:
            gathered += [OPTION, pid]
        index += 1 + len(following)
    return gathered


def _pids_after(arguments: list[str], index: int) -> list[str]:
    """One value whatever it is, unless it is an option; then all that are numbers."""
    found: list[str] = []
    while index < len(arguments) and not arguments[index].startswith("-"):
        if found and not arguments[index].replace(",", "").isdigit():
            break
        if arguments[index]:
            found.append(arguments[index])
        elif not found:
            break
        index += 1
    return found


def _advice() -> str:
    pids = pids_named(SPLIT_DAEMON)
    if pids:
        return f"{SPLIT_DAEMON} runs here: lockwatch attach --pid {pids[0]}"
    return "pidof NAME and pgrep -a NAME list what runs"


def pids_named(name: str) -> list[int]:
    """The processes of that name, as /proc lists them now."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() == name:
                found.append(int(folder.name))
        except OSError:
            continue
    return sorted(found)


def parse_pids(values: list[str]) -> tuple[int, ...]:
    """Pids of all values, each once. Raises UsageError."""
    pids: list[int] = []
    for value in values:
        for word in filter(None, value.replace(",", " ").split()):
            if not word.isdigit() or int(word) == 0 or len(word) > 10:
                raise UsageError(f"--pid: {word!r} is no process id", _advice())
            pids.append(int(word))
    if not pids:
        raise UsageError("no pid given: is it running?", _advice())
    return tuple(dict.fromkeys(pids))
