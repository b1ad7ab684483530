"""Worlds that differ from the training's as the real car's may: what a policy is tested in.

In: a :class:`Randomization`, how far each property may differ. Out: one world for each property, at
the ends of its range, and one with all of them together. Neighbours: ``randomization`` before it;
``commands.evaluate`` drives there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from deepracer_fast.world.randomization import FOR_THE_CAR, LARGEST, Randomization

STARTS = 20
"""Evenly spaced places, from each of which a lap begins in every world."""

UNITS = {
    "light_offset": "levels",
    "pixel_noise": "levels",
    "blur": "pixels",
    "camera_height": "m",
    "camera_pitch": "rad",
    "camera_yaw": "rad",
    "picture_delay": "s",
    "steering_offset": "degrees",
}
"""Of what is no factor around 1."""

_ONE_SIDED = ("pixel_noise", "blur", "picture_delay")


def perturbed_worlds(bounds: Randomization = FOR_THE_CAR) -> Iterator[tuple[str, Randomization]]:
    """Worlds by name: the usual one, one for each property that differs, all together.

    Args:
        bounds: how far each may differ.
    """
    yield "as usual", Randomization()
    for name in LARGEST:
        bound = getattr(bounds, name)
        if bound > 0.0:
            world = replace(Randomization(at_bounds=True), **{name: bound})
            yield f"{name.replace('_', ' ')} {_range(name, bound)}", world
    yield "all together", replace(bounds, at_bounds=True)


def _range(name: str, bound: float) -> str:
    if name not in UNITS:
        return f"+-{100.0 * bound:g} %"
    return f"{'' if name in _ONE_SIDED else '+-'}{bound:g} {UNITS[name]}"
