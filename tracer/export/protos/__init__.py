"""Message classes from the .proto files beside this one, without protoc.

The files use a small part of the language, one declaration a line: messages side by side, with fields that
are scalars or messages of the same file. That part is read into descriptors; protobuf does everything else.
"""

import re
from functools import cache
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = re.compile(r"(optional |repeated |)(\w+) (\w+) = (\d+);")
MESSAGE = re.compile(r"message (\w+) \{")
Field = descriptor_pb2.FieldDescriptorProto


class Messages:
    """The message classes of one .proto file, by name."""

    def __init__(self, name: str) -> None:
        text = resources.files(__package__).joinpath(f"{name}.proto").read_text()
        described = describe(name, text)
        self._package = described.package
        self._pool = descriptor_pool.DescriptorPool()
        self._pool.Add(described)
        self._classes: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        found = self._classes.get(name)
        if found is None:
            descriptor = self._pool.FindMessageTypeByName(f"{self._package}.{name}")
            found = self._classes[name] = message_factory.GetMessageClass(descriptor)
        return found


@cache
def messages(name: str) -> Messages:
    """The messages of NAME.proto."""
    return Messages(name)


def describe(name: str, text: str) -> descriptor_pb2.FileDescriptorProto:
    """The file's descriptor. Raises ValueError for a line that is outside of the part of the language."""
    described = descriptor_pb2.FileDescriptorProto(name=f"lockwatch/{name}.proto")
    for line in text.splitlines():
        line = line.strip()
        message, field = MESSAGE.fullmatch(line), FIELD.fullmatch(line)
        if message:
            described.message_type.add(name=message[1])
        elif field:
            _add_field(described, *field.groups())
        elif line.startswith("syntax"):
            described.syntax = line.split('"')[1]
        elif line.startswith("package"):
            described.package = line.removeprefix("package ").rstrip(";")
        elif line not in ("", "}") and not line.startswith("//"):
            raise ValueError(f"{name}.proto: {line!r} is not understood")
    return described


def _add_field(
    described: descriptor_pb2.FileDescriptorProto, label: str, kind: str, name: str, number: str
) -> None:
    field = described.message_type[-1].field.add(name=name, number=int(number))
    field.label = Field.LABEL_REPEATED if label == "repeated " else Field.LABEL_OPTIONAL
    if kind.islower():
        field.type = Field.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type = Field.TYPE_MESSAGE
        field.type_name = f".{described.package}.{kind}"
