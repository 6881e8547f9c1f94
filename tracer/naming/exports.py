"""Exported symbols by name, without a look into each of a large program's files."""

from tracer.symbols.symbolizer import Symbolizer

HOMES = {
    "g_type_fundamental": "libgobject-2.0.",
    "g_quark_to_string": "libglib-2.0.",
    "_rtld_global": "ld-linux-x86-64.",
}
"""Where a symbol is, unless the program itself has it."""


def exported_address(symbolizer: Symbolizer, pid: int, name: str) -> int | None:
    """The run-time address of a symbol of HOMES."""
    for index, (mapping, module) in enumerate(symbolizer.modules(pid)):
        if index and not module.name.startswith(HOMES[name]):
            continue
        export = module.exports.find(name)
        bias = module.bias(mapping) if export is not None else None
        if export is not None and bias is not None:
            return bias + export.address
    return None
