"""Where the BPF sources are: beside the package in a source tree, inside it when installed."""

from pathlib import Path


def bpf_folder() -> Path:
    """The folder that holds lockwatch.h."""
    package = Path(__file__).resolve().parent
    beside = package.parent / "bpf"
    return beside if (beside / "lockwatch.h").exists() else package / "bpf"
