"""What the engine's functions take, by name: records, arrays of them, and plain arrays."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray


class Record:
    """One row of an array: its fields are attributes, for Numba and for who checks types."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


Car = Record  # a row of ``cars.CAR``
Seen = Record  # a row of ``cars.SEEN``
Thing = Record  # a row of ``objects.OBJECT``
Bot = Record  # a row of ``bots.BOT``
Segment = Record  # a row of ``road.SEGMENT``
Scanline = Record  # a row of ``camera.SCANLINE``
Block = Record  # a row of ``objects.BLOCK``
Face = Record  # a row of ``object_view.FACE``

Records = NDArray[np.void]
Cars = Records  # [B] of ``Car``
Things = Records  # [K] of ``Thing`` that a car meets, [B, K] of a batch
Segments = Records  # [N - 1] of ``Segment``, through N points

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Indices = NDArray[np.int64]
