"""The command's start. Until all is imported, which takes longest, Ctrl-C ends it like any small command."""

import importlib
import signal


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    cli = importlib.import_module("tracer.cli")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
