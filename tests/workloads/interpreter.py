"""CPython threads that wait for one lock, below a few Python frames of C. Protocol: as in truth.h."""

import os
import sys
import threading
import time

gate = threading.Lock()
stopping = threading.Event()


def keep_gate() -> None:
    while not stopping.is_set():
        with gate:
            time.sleep(0.002)
        time.sleep(0.001)


def pass_gate(depth: int) -> None:
    if depth:
        pass_gate(depth - 1)
        return
    with gate:
        pass
    time.sleep(0.0002)


def work() -> None:
    while not stopping.is_set():
        list(map(pass_gate, [3]))


def main() -> None:
    print(f"ready {os.getpid()}", flush=True)
    sys.stdin.readline()
    threads = [threading.Thread(target=run) for run in (keep_gate, work, work)]
    for thread in threads:
        thread.start()
    time.sleep(float(sys.argv[1]))
    stopping.set()
    for thread in threads:
        thread.join()
    print(f'{{"pid": {os.getpid()}, "sites": []}}', flush=True)
    sys.stdin.read()


main()
