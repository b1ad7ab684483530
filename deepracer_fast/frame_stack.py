"""The last frames of a camera as channels, so that a policy can see motion.

In: a simulator. Out: the same, but its camera shows [B, H, W, k C]: k frames of C channels each,
the oldest first, each car's own. An episode begins with its first frame k times; a car that is put
back after it left the track goes on with the frames that it saw. Neighbours: ``simulator`` before
it; ``fleet`` joins several of them.

A car in the world shows a policy one frame: such a policy is not for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast.errors import ConfigError
from deepracer_fast.model_metadata import CAMERAS
from deepracer_fast.simulator import Simulator, StepResult

Array = npt.NDArray[Any]

MOST_FRAMES = 4  # as the Atari networks see (Mnih et al. 2015)


class FrameStack:
    """B cars that remember frames; each method is that of ``Simulator``.

    Args:
        simulator: with one camera.
        frames: k, 2 to ``MOST_FRAMES``.

    Attributes:
        num_cars: B.

    Raises:
        ConfigError: another k, or no camera.
    """

    def __init__(self, simulator: Simulator, frames: int) -> None:
        if not 2 <= frames <= MOST_FRAMES:
            raise ConfigError(f"frames must lie in 2..{MOST_FRAMES}, got {frames}")
        cameras = [name for name in simulator.sensors if name in CAMERAS]
        if not cameras:
            raise ConfigError(
                f"frames can be stacked of a camera only, got {', '.join(simulator.sensors)}"
            )
        self._simulator, self._camera, self._frames = simulator, cameras[0], frames
        self.num_cars = simulator.num_cars
        self._stack: Array | None = None

    def reset(self) -> StepResult:
        """Begins a first episode for every car."""
        return self._anew(self._simulator.reset())

    def begin_episodes(self, number: int) -> StepResult:
        """Begins episode ``number`` of every car."""
        return self._anew(self._simulator.begin_episodes(number))

    def step(self, actions: Array) -> StepResult:
        """One control period for every car; actions [B, 2] in degrees and m/s."""
        result = self._simulator.step(actions)
        stack = self._stack
        assert stack is not None, "reset comes first"
        frame = result.observation[self._camera]
        channels = frame.shape[-1]
        for place in range(self._frames - 1):
            older, newer = (_channels(place + i, channels) for i in (0, 1))
            stack[..., older] = stack[..., newer]
        stack[..., _channels(self._frames - 1, channels)] = frame
        # The row of a car whose episode ended shows the first frame of its next one.
        ended = np.flatnonzero(result.terminated | result.truncated)
        if ended.size:
            stack[ended] = np.tile(frame[ended], self._frames)
        return self._with(result, stack)

    def track_states(self) -> Array:
        """Where the cars are on their roads, float32 [B, F]."""
        return self._simulator.track_states()

    def _anew(self, result: StepResult) -> StepResult:
        first = np.tile(result.observation[self._camera], self._frames)
        if self._stack is None:
            self._stack = first
        np.copyto(self._stack, first)
        return self._with(result, self._stack)

    def _with(self, result: StepResult, stack: Array) -> StepResult:
        return replace(result, observation=result.observation | {self._camera: stack})


def _channels(place: int, count: int) -> slice:
    """Where the frame at that place of the stack lies."""
    return slice(place * count, (place + 1) * count)
