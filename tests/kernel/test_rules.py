"""The pure rules of bpf/waits.h, compiled for this machine."""

import ctypes
import operator
import random

import pytest
from harness import ROOT, Build

from tracer import abi

TICK = 256
DAY = 86_400 * 1_000_000_000
WORD = 1 << 64


class Account:
    """A word's account of blame, as the kernel side keeps it."""

    def __init__(self, rules: ctypes.CDLL) -> None:
        self._rules = rules
        self._rules.mark.restype = ctypes.c_uint64
        self._rules.uncharged_ns.restype = ctypes.c_int64
        self._waiters = 0
        self._charged = 0

    def start(self, now: int) -> None:
        self._waiters = (self._waiters + self._mark(now)) % WORD

    def stop(self, now: int) -> None:
        self._waiters = (self._waiters - self._mark(now)) % WORD

    def charge(self, now: int) -> int:
        ns = self.uncharged(now)
        self._charged = (self._charged + ns // TICK) % WORD
        return ns

    def uncharged(self, now: int) -> int:
        words = (ctypes.c_uint64(word) for word in (self._waiters, self._charged, now))
        return int(self._rules.uncharged_ns(*words))

    def _mark(self, now: int) -> int:
        return int(self._rules.mark(ctypes.c_uint64(now)))


@pytest.fixture
def rules(build: Build) -> ctypes.CDLL:
    return ctypes.CDLL(str(build("rules.c", "-shared", "-fPIC", f"-I{ROOT / 'bpf'}")))


@pytest.fixture
def account(rules: ctypes.CDLL) -> Account:
    return Account(rules)


@pytest.mark.parametrize("uptime_days", [0, 3, 400, 20_000])
def test_idle_threads_that_nobody_wakes_for_days(account: Account, uptime_days: int) -> None:
    begin, threads, days = uptime_days * DAY, 20, 20
    for thread in range(threads):
        account.start(begin + thread * TICK)
    waited = sum(days * DAY - thread * TICK for thread in range(threads))
    assert account.charge(begin + days * DAY) == waited
    assert account.charge(begin + days * DAY) == 0
    assert account.charge(begin + days * DAY + TICK) == threads * TICK


def test_one_thread_that_waits_for_a_year(account: Account) -> None:
    account.start(DAY)
    assert account.uncharged(366 * DAY) == 365 * DAY


def test_most_threads_that_can_wait(account: Account) -> None:
    threads = (1 << 16) - 1
    for _ in range(threads):
        account.start(DAY)
    assert account.uncharged(DAY + DAY // 1000 // TICK * TICK) == threads * (DAY // 1000 // TICK * TICK)


def test_what_is_charged_is_what_was_waited(account: Account) -> None:
    """Sleeps that overlap, with charges in between: both differ by ticks only."""
    choose = random.Random(7)
    now, asleep, waited, charged, sleeps = 11 * DAY, list[int](), 0, 0, 0
    for _ in range(20_000):
        now += choose.randrange(20_000)
        step = choose.random()
        if step < 0.45 or not asleep:
            asleep.append(now)
            account.start(now)
        elif step < 0.9:
            waited += now - asleep.pop(choose.randrange(len(asleep)))
            account.stop(now)
            sleeps += 1
        else:
            charged += account.charge(now)
    waited += sum(now - start for start in asleep)
    charged += account.charge(now)
    assert abs(charged - waited) <= (sleeps + len(asleep)) * TICK
    assert abs(charged - waited) <= waited / 1000


def test_a_sleep_that_never_was_leaves_nothing(account: Account) -> None:
    account.start(5 * DAY)
    account.start(5 * DAY + 1)
    account.stop(5 * DAY)
    account.stop(5 * DAY + 1)
    assert account.uncharged(6 * DAY) == 0


@pytest.mark.parametrize("argument", [-2048, -1, 0, 1, 2047])
@pytest.mark.parametrize("number", range(6))
def test_when_a_wake_of_two_words_wakes_the_second(rules: ctypes.CDLL, number: int, argument: int) -> None:
    """By FUTEX_OP_CMP_EQ and the others of linux/futex.h, in their order."""
    compare = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)[number]
    encoded = 1 << 28 | number << 24 | 7 << 12 | argument & 0xFFF
    for old in (-(1 << 31), argument - 1, argument, argument + 1, (1 << 31) - 1):
        assert bool(rules.wakes_second_word(encoded, old)) == compare(old, argument)


WORD_UNCHANGED, RESUMED = abi.number("WAIT_WORD_UNCHANGED"), abi.number("WAIT_RESUMED")
SEM_WAIT = (256 | 128 | 9, 0)  # FUTEX_CLOCK_REALTIME | FUTEX_PRIVATE_FLAG | FUTEX_WAIT_BITSET; the word is 0
SOON, LATE = -1, 0  # of the time that a loser may run


@pytest.mark.parametrize(
    ("flags", "later", "releases", "same"),
    [
        (0, SOON, True, True),
        (0, LATE, True, False),
        (0, SOON, False, False),
        (0, LATE, False, False),
        (WORD_UNCHANGED, LATE, False, True),
        (RESUMED, LATE, False, True),
    ],
)
def test_when_a_second_sleep_for_a_semaphore_is_the_same_wait(
    rules: ctypes.CDLL, flags: int, later: int, releases: bool, same: bool
) -> None:
    """Who has woken the word before was beaten to its token; who only takes has used the token up."""
    assert bool(rules.goes_on_waiting(*SEM_WAIT, flags, ctypes.c_int64(later), releases)) == same
