"""tensorboardX without PyTorch: the messages of the frozen graph, and the writer of curves.

In: nothing. Out: what the package needs of tensorboardX. Where PyTorch is installed, tensorboardX
imports it just to recognise its tensors, which costs two to three seconds at every start; nobody
hands it any here.
"""

import sys

_hidden = "torch" not in sys.modules
if _hidden:
    sys.modules["torch"] = None  # type: ignore[assignment]  # an import of it then fails
try:
    from tensorboardX import SummaryWriter
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.types_pb2 import DT_FLOAT, DT_INT32
finally:
    if _hidden:
        del sys.modules["torch"]

__all__ = ["DT_FLOAT", "DT_INT32", "GraphDef", "NodeDef", "SummaryWriter"]
