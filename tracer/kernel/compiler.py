"""BCC: the BPF text compiled, programs loaded and attached. Its bare Exceptions are translated here."""

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tracer.bpf_files import bpf_folder
from tracer.errors import MachineError
from tracer.kernel.seclusion import seclude

# No pass before bcc's own, which optimize the whole module anyway, and no debug information: for a start in
# half of the time.
FLAGS = ("-w", "-g0", "-Xclang", "-disable-llvm-passes")


def bcc() -> Any:
    """The bcc module of the system's Python. Raises MachineError where there is none."""
    os.environ.setdefault("BCC_KERNEL_SOURCE", str(_kernel_folder()))
    try:
        return importlib.import_module("bcc")
    except (ImportError, OSError, AttributeError) as error:
        raise MachineError(
            f"bcc cannot be loaded: {error}",
            "install python3-bpfcc (Debian, Ubuntu) or python3-bcc (Fedora), for the system's own Python",
        ) from error


def _kernel_folder() -> Path:
    """A folder with an include/ of stubs: enough for programs that read no kernel structure by name."""
    return bpf_folder() / "headers"


def compile_module(text: str, definitions: dict[str, int]) -> Any:
    """The text compiled as one bcc.BPF object, nothing attached. Raises MachineError with clang's words."""
    flags = [*FLAGS, *(f"-D{name}={value}" for name, value in definitions.items())]
    library = bcc()
    with _captured_stderr() as said, ThreadPoolExecutor(1, initializer=seclude) as thread:
        try:
            return thread.submit(library.BPF, text=text, cflags=flags).result()
        except Exception as error:
            raise MachineError(
                f"the BPF programs do not compile: {said() or error}",
                "this is a fault of lockwatch or of the installed bcc: please report it with both versions",
            ) from error


def load_program(module: Any, name: str, kind: str = "TRACEPOINT") -> int:
    """Loads a program of bcc's type `kind`, returns its fd. Raises MachineError with the verifier's words."""
    library = bcc()
    with _captured_stderr() as said:
        try:
            return int(module.load_func(name, getattr(library.BPF, kind)).fd)
        except Exception as error:
            raise MachineError(
                f"the kernel refuses the BPF program {name}: {_last_lines(said() or str(error))}",
                "lockwatch needs Linux 5.15 or later, and root",
            ) from error


def attach_tracepoint(module: Any, tracepoint: str, name: str) -> None:
    """Attaches a loaded program to `category:event`. Raises MachineError."""
    with _captured_stderr() as said:
        try:
            module.attach_tracepoint(tp=tracepoint, fn_name=name)
        except Exception as error:
            raise MachineError(
                f"the tracepoint {tracepoint} cannot be attached: {_last_lines(said() or str(error))}",
                "is tracefs mounted, and is this kernel built with CONFIG_FTRACE_SYSCALLS?",
            ) from error


def _last_lines(text: str, lines: int = 3) -> str:
    return " / ".join(text.strip().splitlines()[-lines:])


@contextmanager
def _captured_stderr() -> Iterator[Any]:
    """clang and libbpf write to fd 2: what they say belongs into the error, not on the user's screen."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:

        def said() -> str:
            file.seek(0)
            return file.read().decode(errors="replace").strip()

        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(saved, 2)
            os.close(saved)
