"""What else stands or drives on a track: the twin of ``csrc/objects.h``."""

import numpy as np

BOX, CAR_LIKE = 0, 1  # what an object looks like

OBJECT = np.dtype(
    [
        ("x", np.float64),  # m, its centre
        ("y", np.float64),
        ("along_x", np.float64),  # its heading as a unit vector
        ("along_y", np.float64),
        ("speed", np.float64),  # m/s along it
        ("kind", np.int64),
    ],
    align=True,
)
"""One object of a car; a batch keeps [B, K] of them."""
