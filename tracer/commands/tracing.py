"""What `attach` and `record` share: a trace from its configuration to its report."""

from dataclasses import dataclass

from tracer.beginning import Beginning
from tracer.config import TraceConfig
from tracer.launching import Launched
from tracer.outputs import Outputs


@dataclass(frozen=True, slots=True)
class Telling:
    """How a trace is told while it runs. `rate`: live lines a second, None: no live lines."""

    rate: int | None
    recording: str | None = None


def trace(config: TraceConfig, telling: Telling, outputs: Outputs, launched: Launched | None = None) -> None:
    """Attaches, listens, reports; detaches whatever happens. Raises LockwatchError.

    A launched command is let go once it is traced.
    """
    with Beginning(config) as beginning:
        # Imports of a fifth of a second, while the compiler has the other CPU.
        from tracer.commands.running import run

        run(beginning, config, telling, outputs, launched)
