"""What a policy may ask of the car: a list of actions, or a box.

In: action indices (discrete) or values in [-1, 1] (continuous), as they leave a policy.
Out: commands ``[B, 2]`` float32, steering angle in degrees (left positive) and speed in m/s, as
``Simulator.step`` takes them. Here and in reward params angles are in degrees; nowhere else.

Neighbours: ``action_words.py`` makes them of what people type; ``model_metadata.py`` reads and
writes them; ``networks.py`` sizes its head by them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepracer_fast.checks.arrays import array, numbers
from deepracer_fast.checks.values import check_fields, number, shown, whole
from deepracer_fast.errors import ActionError

LARGEST = 1e6
"""Degrees or m/s of an action: the car limits what it is told, float32 what can be told."""

MOST_LEVELS = 1000
"""Angles or speeds of a grid; the console's are 7 and 3."""


@dataclass(frozen=True)
class DiscreteActionSpace:
    """A list of actions; the position in the list is the position in the policy's softmax.

    Values are kept as they are given. Real models hold speeds above 4 m/s; it is the car, hence
    the simulator, that limits what it is told.

    Attributes:
        steering_angle_deg: steering angle of each action, degrees, left positive.
        speed: speed of each action, m/s.

    Raises:
        ActionError: the lists are empty, differ in length, or hold a value that is not finite.
    """

    steering_angle_deg: tuple[float, ...]
    speed: tuple[float, ...]

    def __post_init__(self) -> None:
        check_fields(self, ActionError)
        if not self.steering_angle_deg or len(self.steering_angle_deg) != len(self.speed):
            raise ActionError(
                "an action space needs one steering angle and one speed for each of one or more "
                f"actions, got {len(self.steering_angle_deg)} angles and {len(self.speed)} speeds"
            )
        for action, values in enumerate(zip(self.steering_angle_deg, self.speed, strict=True)):
            _check_size(f"action {action}", *values)

    @property
    def size(self) -> int:
        """Number of actions A, which is the number of the policy's outputs."""
        return len(self.speed)

    def to_commands(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Looks up the chosen actions.

        Args:
            indices: ``[B]`` integers in [0, A).

        Returns:
            ``[B, 2]`` float32: degrees and m/s.

        Raises:
            ActionError: another shape, not integers, or an index outside [0, A).
        """
        chosen = array("action indices", indices, ActionError)
        if chosen.ndim != 1:
            raise ActionError(f"action indices must have shape (B,), got {chosen.shape}")
        if not np.issubdtype(chosen.dtype, np.integer):
            raise ActionError(f"action indices must be integers, got {chosen.dtype}")
        outside = np.flatnonzero((chosen < 0) | (chosen >= self.size))
        if outside.size:
            raise ActionError(
                f"action indices must lie in 0..{self.size - 1}, got {chosen[outside[0]]} "
                f"for car {outside[0]}"
            )
        table = np.array([self.steering_angle_deg, self.speed], dtype=np.float32).T
        return np.ascontiguousarray(table[chosen])


@dataclass(frozen=True)
class ContinuousActionSpace:
    """A box of steering angle and speed; the policy's outputs are in this order.

    Attributes:
        steering_low: rightmost steering angle, degrees, left positive.
        steering_high: leftmost steering angle, degrees.
        speed_low: lowest speed, m/s.
        speed_high: highest speed, m/s.

    Raises:
        ActionError: a bound is not finite, or a low bound is not below its high bound.
    """

    steering_low: float
    steering_high: float
    speed_low: float
    speed_high: float

    def __post_init__(self) -> None:
        check_fields(self, ActionError)
        for name, low, high in (
            ("steering_angle", self.steering_low, self.steering_high),
            ("speed", self.speed_low, self.speed_high),
        ):
            _check_size(name, low, high)
            if not low < high:
                raise ActionError(f"{name}: low must be less than high, got low {low}, high {high}")

    @property
    def size(self) -> int:
        """Number of the policy's outputs: steering angle and speed."""
        return 2

    def to_commands(self, values: ArrayLike) -> NDArray[np.float32]:
        """Maps [-1, 1] to [low, high] on each axis; values beyond are clipped first.

        The original does the same with what its policy samples (rl_coach
        agents/clipped_ppo_agent.py).

        Args:
            values: ``[B, 2]`` floats, steering angle first.

        Returns:
            ``[B, 2]`` float32: degrees and m/s.

        Raises:
            ActionError: another shape, not numbers, or a value that is not finite.
        """
        asked = numbers("continuous actions", values, np.float64, ActionError)
        if asked.ndim != 2 or asked.shape[1] != 2:
            raise ActionError(f"continuous actions must have shape (B, 2), got {asked.shape}")
        bad = np.argwhere(~np.isfinite(asked))
        if bad.size:
            car, axis = bad[0]
            raise ActionError(
                f"continuous actions must be finite, got {asked[car, axis]} for car {car}, "
                f"{('steering_angle', 'speed')[axis]}"
            )
        low = np.array([self.steering_low, self.speed_low])
        high = np.array([self.steering_high, self.speed_high])
        commands = low + (np.clip(asked, -1.0, 1.0) + 1.0) * 0.5 * (high - low)
        return np.asarray(commands, dtype=np.float32)


ActionSpace = DiscreteActionSpace | ContinuousActionSpace
"""Either kind."""


def discrete_grid(
    max_steering_deg: float, steering_levels: int, max_speed: float, speed_levels: int
) -> DiscreteActionSpace:
    """Makes the grid of actions that the DeepRacer console makes from four numbers.

    Steering angles are even from -max (right) to +max (left); speeds are max * k / n for
    k = 1..n. Steering is the outer loop (DeepRacer-on-AWS
    CreateModel/DiscreteActionSpace/utils.ts). The console offers 3, 5 or 7 angles and 1 to 3
    speeds; any number is accepted here, and one angle means straight ahead.

    Args:
        max_steering_deg: largest steering angle, degrees, above 0.
        steering_levels: number of steering angles, 1 or more.
        max_speed: highest speed, m/s, above 0.
        speed_levels: number of speeds, 1 or more.

    Raises:
        ActionError: an argument outside its range.
    """
    angles = even_steering(max_steering_deg, steering_levels)
    return every_pair(angles, even_speeds(max_speed, speed_levels))


def even_steering(max_steering_deg: float, steering_levels: int) -> tuple[float, ...]:
    """Steering angles from -max (right) to +max (left), degrees; see ``discrete_grid``.

    Raises:
        ActionError: an argument outside its range.
    """
    _check_level("max_steering_deg", max_steering_deg, "steering_levels", steering_levels)
    gaps = steering_levels - 1
    if gaps == 0:
        return (0.0,)
    return tuple(2.0 * max_steering_deg * i / gaps - max_steering_deg for i in range(gaps + 1))


def even_speeds(max_speed: float, speed_levels: int) -> tuple[float, ...]:
    """Speeds from max / n to max, m/s; see ``discrete_grid``.

    Raises:
        ActionError: an argument outside its range.
    """
    _check_level("max_speed", max_speed, "speed_levels", speed_levels)
    return tuple(max_speed * k / speed_levels for k in range(1, speed_levels + 1))


def every_pair(steering_angle_deg: Sequence[float], speed: Sequence[float]) -> DiscreteActionSpace:
    """The actions that combine each steering angle (degrees) with each speed (m/s).

    Raises:
        ActionError: a list is empty, or holds a value that is not finite.
    """
    angles, speeds = (
        numbers(name, values, np.float64, ActionError).ravel().tolist()
        for name, values in (("steering_angle_deg", steering_angle_deg), ("speed", speed))
    )
    return DiscreteActionSpace(
        steering_angle_deg=tuple(angle for angle in angles for _ in speeds),
        speed=tuple(each for _ in angles for each in speeds),
    )


def _check_level(name: str, value: float, count: str, levels: int) -> None:
    _check_size(name, number(name, value, ActionError))
    if value <= 0:
        raise ActionError(f"{name} must be above 0, got {value}")
    if not 1 <= whole(count, levels, ActionError) <= MOST_LEVELS:
        rule = "1 or more" if levels < 1 else f"at most {MOST_LEVELS}"
        raise ActionError(f"{count} must be {rule}, got {shown(levels)}")


def _check_size(name: str, *values: float) -> None:
    for value in values:
        if not math.isfinite(value):
            raise ActionError(f"{name} must hold finite numbers, got {value}")
        if abs(value) > LARGEST:
            raise ActionError(f"{name} must lie within {LARGEST:g}, got {value}")
