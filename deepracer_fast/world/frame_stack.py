"""The last frames of a camera as channels, so that a policy can see motion.

In: an engine's pictures [B, H, W, C]. Out: [B, H, W, k C]: k frames of C channels each, the oldest
first, each car's own. An episode begins with its first frame k times; a car that is put back after
it left the track goes on with the frames that it saw. A final frame follows those of its episode.
Neighbours: ``simulator`` shows the stack in place of the frame; ``model_metadata`` says k.

A car in the world shows a policy one frame: such a policy is not for it.
"""

from __future__ import annotations

import numpy as np

from deepracer_fast.checks.arrays import Array, read_only
from deepracer_fast.errors import ConfigError
from deepracer_fast.files.model_metadata import CAMERAS, MOST_FRAMES


class FrameStack:
    """What B cars remember of their camera.

    Args:
        pictures: uint8 [B, H, W, C], the engine's own, which always holds the newest frames.
        frames: k, 2 or more.
        finals: uint8 [B, H, W, C], the last frames of ended episodes, also the engine's; or None.

    Attributes:
        seen: uint8 [B, H, W, k C], read-only, always the same array.
        final: likewise, with ``finals`` as the newest frame; None without those.
    """

    def __init__(self, pictures: Array, frames: int, finals: Array | None = None) -> None:
        self._pictures, self._frames = pictures, frames
        *shape, self._channels = pictures.shape
        self._stack = np.zeros((*shape, frames * self._channels), pictures.dtype)
        self.seen = read_only(self._stack)
        self._ends = None if finals is None else (finals, np.zeros_like(self._stack))
        self.final = self._ends and read_only(self._ends[1])

    def begin(self, cars: Array | slice = slice(None)) -> None:
        """Fills the stacks of these cars with their newest frame."""
        self.repaint()  # where cars share a world, the others see these in another place
        self._stack[cars] = np.tile(self._pictures[cars], self._frames)

    def move_on(self, ended: Array) -> None:
        """Takes in a step's frames.

        Args:
            ended: bool [B], cars whose frame is the first of their next episode.
        """
        begun = np.flatnonzero(ended)
        if self._ends is not None:
            finals, stack = self._ends
            earlier = self._stack[begun, ..., self._channels :]
            stack[begun] = np.concatenate([earlier, finals[begun]], axis=-1)
        # All channels one frame up in one go: what this moves across a pixel's border lands where
        # the newest frame goes.
        channels = self._stack.reshape(-1)
        channels[: -self._channels] = channels[self._channels :]
        if begun.size:
            self.begin(begun)
        else:
            self.repaint()

    def repaint(self) -> None:
        """Takes the newest frames once more, after something was put into them."""
        self._stack[..., -self._channels :] = self._pictures


def stack_frames(
    observation: dict[str, Array], frames: int, final: dict[str, Array] | None = None
) -> FrameStack | None:
    """Lets the camera of an observation show its last frames; None for one frame.

    Args:
        observation: by sensor; the camera's array is replaced.
        frames: k.
        final: the final observation, likewise, if there is one.

    Raises:
        ConfigError: another k than 1 to ``MOST_FRAMES``, or no camera.
    """
    if not 1 <= frames <= MOST_FRAMES:
        raise ConfigError(f"frame_stack must lie in 1..{MOST_FRAMES}, got {frames}")
    if frames == 1:
        return None
    camera = next((name for name in observation if name in CAMERAS), None)
    if camera is None:
        raise ConfigError(
            f"frame_stack needs a camera, got {', '.join(observation) or 'no sensor'}: add one, or "
            "leave frame_stack at 1"
        )
    stack = FrameStack(observation[camera], frames, None if final is None else final[camera])
    observation[camera] = stack.seen
    if final is not None and stack.final is not None:
        final[camera] = stack.final
    return stack
