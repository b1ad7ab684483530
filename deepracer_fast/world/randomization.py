"""What may differ from episode to episode, for policies that are to drive a real car.

In: numbers from a person or a configuration. Out: a checked :class:`Randomization`, which the
simulator hands to the native core (``csrc/simulator/randomization.h``). Neighbours: ``config``
before it, ``simulator`` behind it.
"""

from dataclasses import dataclass

from deepracer_fast import _core
from deepracer_fast.checks.values import check_fields
from deepracer_fast.errors import ConfigError

LARGEST = {name: ends[1] for name, (_, _, ends) in _core.Randomization.FIELDS.items() if ends}
"""Largest value of each field: beyond it the camera, the kernel or the car would make no sense."""


@dataclass(frozen=True)
class Randomization:
    """How far each property may differ; all zero, the default, is the original's own world.

    A car draws anew, uniformly, at the start of each of its episodes. The draws depend on the
    simulator's seed, the car and the episode alone.

    ``FOR_THE_CAR`` is a tested set for the real car, whose room, light, lens and servo are unknown.

    Attributes:
        surface_grey: road, field, dashes, lines, walls, sky, each by a factor in [1 - it, 1 + it].
        light_gain: the whole picture by a factor in [1 - it, 1 + it].
        light_offset: grey levels added to the whole picture, in [-it, it].
        pixel_noise: grey levels; each picture gets noise of a standard deviation in [0, it].
        blur: pixels, at most 0.7; standard deviation of the blur, in [0, it].
        camera_height: metres added to the lens's height, in [-it, it].
        camera_pitch: radians added to its downward pitch, in [-it, it].
        camera_yaw: radians by which it looks to the left, in [-it, it].
        picture_delay: seconds, at most 0.2; age of the picture that the policy sees, in [0, it].
        grip: friction between wheels and ground by a factor in [1 - it, 1 + it].
        steering_gain: steering angle that a command gives by a factor in [1 - it, 1 + it].
        steering_offset: degrees added to that angle, in [-it, it].
        speed_gain: speed that a command gives by a factor in [1 - it, 1 + it].
        at_bounds: each draw is an end of its range, where there are two one of them at random; for
            tests of a policy.

    Raises:
        ConfigError: a value is negative, too large or not finite.
    """

    surface_grey: float = 0.0
    light_gain: float = 0.0
    light_offset: float = 0.0
    pixel_noise: float = 0.0
    blur: float = 0.0
    camera_height: float = 0.0
    camera_pitch: float = 0.0
    camera_yaw: float = 0.0
    picture_delay: float = 0.0
    grip: float = 0.0
    steering_gain: float = 0.0
    steering_offset: float = 0.0
    speed_gain: float = 0.0
    at_bounds: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        for name, largest in LARGEST.items():
            value = getattr(self, name)
            if not 0.0 <= value <= largest:
                raise ConfigError(f"{name} must lie in [0, {largest:g}], got {value}")

    @property
    def is_on(self) -> bool:
        """Whether anything differs."""
        return any(getattr(self, name) > 0.0 for name in LARGEST)


FOR_THE_CAR = Randomization(
    surface_grey=0.3,
    light_gain=0.2,
    light_offset=15.0,
    pixel_noise=6.0,
    blur=0.6,
    camera_height=0.01,
    camera_pitch=0.03,
    camera_yaw=0.02,
    picture_delay=0.06,
    grip=0.3,
    steering_gain=0.1,
    steering_offset=2.0,
    speed_gain=0.15,
)
"""What the real car may differ by."""
