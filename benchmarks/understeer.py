"""How much the original's cars understeer in a steady bend, and how far a vehicle is from that.

In: a ``_core.VehicleParams``. Out: the mean squared misfit of its understeer ratio, the curvature
driven over that of an ideal bicycle, tan(steering) / wheelbase. The table holds medians of near
steady samples of many recordings, most of them of other trainings than the ones at hand (57,694
samples of version 4, 9,059 of version 5, 15,281 of version 6). ``fit_vehicle`` weighs it beside
the recordings.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast import _core

Array = npt.NDArray[Any]

WHEELBASE = 0.163974  # m, deepracer URDF
STEADY = 30  # steps until a bend is steady
MEASURED = 15  # steps over which its curvature is taken

# Version -> steering in degrees, then rows of speed in m/s and the ratio at each of these angles.
RATIOS: dict[int, tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]] = {
    4: (
        (7.5, 12.5, 17.5, 22.5),
        (
            (0.50, 0.81, 0.81, 0.76, 0.71),
            (0.95, 0.74, 0.70, 0.64, 0.57),
            (1.45, 0.71, 0.68, 0.64, 0.58),
            (1.95, 0.60, 0.56, 0.46, 0.20),
            (2.50, 0.37, 0.28, 0.22, 0.19),
            (3.10, 0.34, 0.26, 0.18, np.nan),
        ),
    ),
    5: (
        (7.5, 12.5, 17.5, 27.5),
        (
            (0.50, 0.49, 0.43, 0.51, 0.58),
            (0.95, 0.41, 0.44, 0.49, 0.49),
            (1.45, 0.60, 0.54, 0.49, 0.28),
            (1.95, 0.43, 0.44, 0.38, 0.25),
            (2.50, 0.29, 0.29, 0.25, 0.16),
            (3.10, 0.25, 0.26, 0.19, np.nan),
            (3.80, 0.15, 0.18, 0.11, np.nan),
        ),
    ),
    6: (
        (7.5, 12.5, 17.5),
        (
            (1.45, 0.59, 0.61, 0.58),
            (1.95, 0.75, 0.74, 0.72),
            (2.50, 0.72, 0.69, 0.62),
            (3.10, 0.74, 0.66, 0.59),
        ),
    ),
}


def understeer_misfit(vehicle: Any, version: int) -> float:
    """Mean of the squared differences to the table."""
    speed, steering, recorded = _samples(version)
    return float(np.mean(np.square(steady_ratio(vehicle, speed, steering) - recorded)))


def steady_ratio(vehicle: Any, speed: Array, steering: Array) -> Array:
    """Curvature driven over an ideal bicycle's, [K], at speeds (m/s) and steering (rad) [K].

    The command is raised until the car is as fast as asked for. The pull to one side is left out.
    """
    offset, vehicle.steering_offset = vehicle.steering_offset, 0.0
    command = speed
    for _ in range(3):
        driven = np.stack([steering, command], axis=-1)[:, None].repeat(STEADY + MEASURED, axis=1)
        states = _core.drive_open_loop(vehicle, np.zeros((len(speed), 4)), driven)
        last = states[:, -MEASURED - 1 :].astype(np.float64)
        way = np.linalg.norm(np.diff(last[..., :2], axis=1), axis=-1).sum(axis=1)
        reached = way * 15.0 / MEASURED
        command = np.clip(command * speed / np.maximum(reached, 0.1), 0.1, 4.0)
    vehicle.steering_offset = offset
    turned = np.diff(np.unwrap(last[..., 2], axis=1), axis=1).sum(axis=1)
    return np.asarray(turned / way * WHEELBASE / np.tan(steering))


def _samples(version: int) -> tuple[Array, Array, Array]:
    angles, rows = RATIOS[max(version, 4)]
    table = np.array(rows)
    speed, steering = np.meshgrid(table[:, 0], np.radians(angles), indexing="ij")
    known = np.isfinite(table[:, 1:])
    return speed[known], steering[known], table[:, 1:][known]
