"""Waits as they happen, one line each."""

import time
from collections import OrderedDict
from datetime import datetime
from typing import TextIO

from tracer.model.locks import Lock, Owner, Thread
from tracer.model.report import ProbeState
from tracer.model.waits import Blocked, Wait
from tracer.output.durations import MILLISECOND, SECOND, counted, duration
from tracer.output.names import owner_label, printable, thread_label
from tracer.output.page import Page, Part
from tracer.output.stacks import chain

FRAMES = 3
# A wait of this length is one that a person feels.
FELT_NS = 100 * MILLISECOND
# Lines that may still be corrected; a correction comes within a second or so of its line.
_REMEMBERED = 4096


class LiveView:
    """At most `rate` lines a second on `out`; what is held back is counted in a line of its own.

    None: no limit. `wall_offset_ns` turns CLOCK_MONOTONIC into the time of day (default: as it is now).
    """

    def __init__(self, out: TextIO, rate: int | None = 50, wall_offset_ns: int | None = None) -> None:
        self._page = Page(out)
        self._rate = rate
        self._offset_ns = time.time_ns() - time.monotonic_ns() if wall_offset_ns is None else wall_offset_ns
        self._second = 0
        self._lines = 0
        self._held_back = 0
        self._shown: OrderedDict[tuple[int, int], None] = OrderedDict()

    def has_room(self, now_ns: int | None = None) -> bool:
        """A line would be shown now; if not, `held_back` spares its caller the symbols."""
        self._turn(time.monotonic_ns() if now_ns is None else now_ns)
        return self._rate is None or self._lines < self._rate

    def wait(self, wait: Wait, corrects: bool = False, now_ns: int | None = None) -> None:
        """Show a wait. `corrects`: it was shown before and has gone on since."""
        key = (wait.thread.tid, wait.started_ns)
        if corrects and key not in self._shown:
            return
        if not corrects and not self.has_room(now_ns):
            self.held_back(1)
            return
        self._remember(key)
        self._lines += 1
        where = _owner(wait.owner, wait.owner_request) + _request(wait.request)
        self._show(self._wait_parts(wait, corrects), [*where, "  ", chain(wait.stack, FRAMES)])

    def blocked(self, blocked: Blocked, now_ns: int | None = None) -> None:
        """Show a wait that still lasts."""
        if not self.has_room(now_ns):
            self.held_back(1)
            return
        self._lines += 1
        where = _owner(blocked.owner, None) + _request(blocked.request)
        self._show(self._blocked_parts(blocked), [*where, "  ", chain(blocked.stack, FRAMES)])

    def deadlock(self, sentence: str, time_ns: int) -> None:
        """Say that threads wait for each other; never held back."""
        self._page.line((self._time(time_ns), "dim"), "  ", (sentence, "bold red"))
        self._page.flush()

    def probe(self, state: ProbeState, time_ns: int) -> None:
        """Say that the mutex probe no longer counts everything."""
        text = f"the pthread_mutex_lock probe is {state.state}: {state.reason}"
        self._page.line((self._time(time_ns), "dim"), "  ", (text, "dim"))
        self._page.flush()

    def held_back(self, waits: int) -> None:
        """Count waits that are not shown."""
        self._held_back += waits

    def tick(self, now_ns: int | None = None) -> None:
        """Say what was held back in a second that is over. To be called several times a second."""
        self._turn(time.monotonic_ns() if now_ns is None else now_ns)

    def close(self) -> None:
        """Say what was held back last."""
        self._say_held_back()

    def _turn(self, now_ns: int) -> None:
        second = now_ns // SECOND
        if second != self._second:
            self._say_held_back()
            self._second, self._lines = second, 0

    def _say_held_back(self) -> None:
        if self._held_back:
            text = f"... {counted(self._held_back, 'more line')} held back (--rate {self._rate})"
            self._held_back = 0
            self._page.line((text, "dim"))
            self._page.flush()

    def _show(self, what: list[Part | str], where: list[Part | str]) -> None:
        """One line, or two on a terminal too narrow for it; in no columns where these have no room."""
        if not self._page.fits(what):
            what = [_squeezed(part) for part in what]
        if self._page.fits([*what, *where]):
            self._page.line(*what, *where)
        else:
            self._page.line(*what)
            self._page.line(" " * 12, *where)
        self._page.flush()

    def _remember(self, key: tuple[int, int]) -> None:
        self._shown[key] = None
        if len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)

    def _time(self, monotonic_ns: int) -> str:
        moment = datetime.fromtimestamp((monotonic_ns + self._offset_ns) / SECOND)
        return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"

    def _wait_parts(self, wait: Wait, corrects: bool) -> list[Part | str]:
        parts = self._head(wait.ended_ns, wait.thread, str(wait.kind), wait.lock)
        style = "bold red" if wait.wait_ns >= FELT_NS else "bold"
        parts += [(f"{duration(wait.wait_ns):>9}", style)]
        if corrects:
            parts += ["  ", ("in all, corrected", "yellow")]
        if wait.sleeps > 1:
            parts += ["  ", (counted(wait.sleeps, "sleep"), "dim")]
        if wait.outcome.value != "woken":
            parts += ["  ", (str(wait.outcome), "yellow")]
        return parts

    def _blocked_parts(self, blocked: Blocked) -> list[Part | str]:
        at_ns = blocked.started_ns + blocked.waited_ns
        parts = self._head(at_ns, blocked.thread, str(blocked.kind), blocked.lock)
        parts += [(f"still waiting {duration(blocked.waited_ns)}", "bold red")]
        if blocked.before_attach:
            parts += ["  ", ("since before the attach", "yellow")]
        return parts

    def _head(self, at_ns: int, thread: Thread, kind: str, lock: Lock) -> list[Part | str]:
        return [
            (self._time(at_ns), "dim"),
            "  ",
            (f"{thread_label(thread):<20}", "green"),
            "  ",
            f"{kind:<12}",
            "  ",
            (f"{printable(lock.name):<24}", "cyan"),
            "  ",
        ]


def _squeezed(part: Part | str) -> Part | str:
    """Without the blanks that fill a column up."""
    text, style = (part, "") if isinstance(part, str) else part
    return (text.strip() or "  ", style)


def _owner(owner: Owner | None, request: str | None) -> list[Part | str]:
    if owner is None:
        return []
    serving = f" serving {printable(request)}" if request else ""
    return ["  ", (f"held by {owner_label(owner)}{serving}", "magenta")]


def _request(request: str | None) -> list[Part | str]:
    return ["  ", (f"for {printable(request)}", "blue")] if request else []
