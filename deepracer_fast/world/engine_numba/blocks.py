"""What boxes and cars look like: solid blocks of one colour, in an object's own frame.

Camera and LIDAR see the same blocks. The twin of ``csrc/rendering/blocks.h``, which names the
sources.
"""

import numpy as np

BLOCK = np.dtype(
    [
        # Along the heading, across it (left positive), above the ground.
        ("low", np.float64, 3),  # m
        ("high", np.float64, 3),  # m
        ("grey", np.float64),  # of the surface itself, 0..255, before any light
    ],
    align=True,
)

BOX_GREY = 255.0 * (0.2989 * 0.482 + 0.587 * 0.38 + 0.114 * 0.309)
SHELL_GREY, WHEEL_GREY = 60.0, 15.0  # guesses, as is the height of the shell

# One after the other: a box, then the shell and the wheels of a car. The first is the body.
BLOCKS = np.array(
    [
        ((-0.2, -0.15, 0.0), (0.2, 0.15, 0.225), BOX_GREY),
        ((-0.158, -0.094, 0.03), (0.166, 0.094, 0.19), SHELL_GREY),
        ((-0.118, 0.064, 0.0), (-0.046, 0.098, 0.072), WHEEL_GREY),
        ((-0.118, -0.098, 0.0), (-0.046, -0.064, 0.072), WHEEL_GREY),
        ((0.046, 0.064, 0.0), (0.118, 0.098, 0.072), WHEEL_GREY),
        ((0.046, -0.098, 0.0), (0.118, -0.064, 0.072), WHEEL_GREY),
    ],
    BLOCK,
)
FIRST_BLOCK = (0, 1, len(BLOCKS))
"""By kind of object: its blocks are those from this one on, up to the next kind's first."""

NOTHING = np.array([((np.inf,) * 3, (-np.inf,) * 3, 0.0)], BLOCK)
"""A block that nothing lies inside."""
