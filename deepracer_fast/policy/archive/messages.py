"""The messages of a frozen graph, as far as a policy has need of them.

In: the table below, whose names and numbers are those of TensorFlow's GraphDef (core/framework
graph.proto, node_def.proto, attr_value.proto, tensor.proto, tensor_shape.proto); enums are int32 on
the wire. Out: the class of GraphDef in protobuf's runtime, which keeps what is not in the table.
Neighbours: ``frozen_graph`` writes them, ``graph_import`` reads them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from google.protobuf import descriptor_pb2, descriptor_pool  # type: ignore[import-untyped]
from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]

DT_FLOAT, DT_INT32 = 1, 3

# Message -> its fields: number, type, name; * is repeated, | one of those that exclude each other.
_MESSAGES = {
    "GraphDef": "1 *NodeDef node",
    "NodeDef": "1 string name, 2 string op, 3 *string input, 5 *NodeDef.AttrEntry attr",
    "NodeDef.AttrEntry": "1 string key, 2 AttrValue value",
    "AttrValue": "1 |ListValue list, 2 |bytes s, 3 |int64 i, 4 |float f, 5 |bool b, 6 |int32 type, "
    "7 |TensorShape shape, 8 |Tensor tensor",
    "ListValue": "3 *int64 i",
    "TensorShape": "2 *Dim dim",
    "Dim": "1 int64 size",
    "Tensor": "1 int32 dtype, 2 TensorShape tensor_shape, 4 bytes tensor_content, "
    "5 *float float_val, 7 *int32 int_val",
}


class Node(Protocol):
    """A NodeDef: one operation of the graph."""

    name: str
    op: str
    input: Sequence[str]
    attr: Mapping[str, Any]


def _graph_def() -> Any:
    """The class of GraphDef, which knows those of all that is in it."""
    file = descriptor_pb2.FileDescriptorProto(name="frozen_graph.proto", syntax="proto3")
    for path, rows in _MESSAGES.items():
        outer, _, inner = path.partition(".")
        if inner:  # an entry of a map
            message = next(each for each in file.message_type if each.name == outer)
            message = message.nested_type.add(name=inner)
            message.options.map_entry = True
        else:
            message = file.message_type.add(name=outer)
        for row in rows.split(", "):
            _add_field(message, *row.split())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName("GraphDef"))


def _add_field(message: Any, number: str, kind: str, name: str) -> None:
    known = descriptor_pb2.FieldDescriptorProto
    field = message.field.add(name=name, number=int(number))
    field.label = known.LABEL_REPEATED if kind[0] == "*" else known.LABEL_OPTIONAL
    if kind[0] == "|":
        field.oneof_index = 0
        if not message.oneof_decl:
            message.oneof_decl.add(name="value")
    kind = kind.lstrip("*|")
    if kind in _MESSAGES:
        field.type, field.type_name = known.TYPE_MESSAGE, f".{kind}"
    else:
        field.type = known.Type.Value(f"TYPE_{kind.upper()}")


GraphDef = _graph_def()
