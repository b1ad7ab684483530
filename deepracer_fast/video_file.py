"""Keeps frames as a film: MP4 by ffmpeg, or GIF by Pillow.

In: a path and RGB frames, one a control period. Out: the file, whole or not at all. Neighbours:
``video`` draws the frames, ``video_command`` names the file.
"""

import importlib.util
import itertools
import os
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from deepracer_fast.arrays import array
from deepracer_fast.door import path_of, refuse
from deepracer_fast.errors import ConfigError
from deepracer_fast.simulator import CONTROL_PERIOD

Frames = Iterable[npt.NDArray[Any]]

FRAMES_PER_SECOND = round(1 / CONTROL_PERIOD)
GIF_DELAYS = (70, 70, 60)
"""Milliseconds by turns, since a GIF counts in hundredths of a second: 15 frames a second."""

_GIF_COLOURS = 256
_COUNT_EVERY = 15  # frames between two of which the palette is made
_PALETTE_FRAMES = 8


def can_write_mp4() -> bool:
    """Whether the extra ``video`` is installed."""
    return importlib.util.find_spec("imageio_ffmpeg") is not None


def check_film_path(path: Path) -> None:
    """Says before anything is drawn that a film cannot be written there.

    Raises:
        ConfigError: neither .mp4 nor .gif, MP4 without the extra, or no such folder.
    """
    path = path_of("the path of a video", path)
    if path.suffix.lower() not in _WRITERS:
        raise ConfigError(f"{path}: a video must end in .mp4 or .gif")
    if path.suffix.lower() == ".mp4" and not can_write_mp4():
        raise ConfigError(
            f"{path}: MP4 needs the extra: pip install 'deepracer-fast[video]', or name a .gif"
        )
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it first")


def write_film(path: Path, frames: Frames) -> None:
    """Writes a film at 15 frames a second; an existing file is replaced.

    Args:
        path: ends in .mp4 or .gif.
        frames: uint8 [H, W, 3], all of one size, at least one.

    Raises:
        ConfigError: the path or a frame cannot be used, or there is no frame.
        OSError: the file cannot be written.
    """
    check_film_path(path)
    path = Path(path)
    shown_frames = _checked(frames)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.tmp{path.suffix.lower()}")
    try:
        _WRITERS[path.suffix.lower()](temporary, shown_frames)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _checked(frames: Frames) -> Iterator[npt.NDArray[Any]]:
    """The frames, each looked at when it is asked for; the first one at once."""
    try:
        each = iter(frames)
    except Exception:
        raise refuse("frames", "a list or an iterator of pictures", frames) from None
    first = next(each, None)
    if first is None:
        raise ConfigError("frames must hold at least one picture, got none")
    shape = _frame(first, array("a frame", first).shape).shape
    return itertools.chain([first], (_frame(frame, shape) for frame in each))


def _frame(frame: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """A frame of a film whose first one has this shape."""
    found = array("a frame", frame)
    if found.dtype != np.uint8 or found.ndim != 3 or found.shape[2] != 3 or found.shape != shape:
        raise ConfigError(
            f"a frame must be uint8 [H, W, 3], all of one size, got {found.dtype} {found.shape}"
        )
    if not found.size:
        raise ConfigError(f"a frame must have pixels, got {found.shape}")
    return found


def _write_mp4(path: Path, frames: Iterator[npt.NDArray[Any]]) -> None:
    """Hands the frames to ffmpeg.

    Not by ``imageio_ffmpeg.write_frames``: that forks, which JAX's threads must not meet.
    """
    first = next(frames)
    with subprocess.Popen(
        _ffmpeg_command(path, first.shape[1], first.shape[0]),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as ffmpeg:
        assert ffmpeg.stdin is not None and ffmpeg.stderr is not None
        try:
            for frame in itertools.chain([first], frames):
                ffmpeg.stdin.write(np.ascontiguousarray(frame).data)
            ffmpeg.stdin.close()
        except BrokenPipeError:
            pass  # it says why below
        except BaseException:
            ffmpeg.kill()
            raise
        said = ffmpeg.stderr.read().decode(errors="replace").strip()
    if ffmpeg.returncode:
        raise OSError(f"{path}: ffmpeg cannot write this film: {said.splitlines()[-1:]}")


def _ffmpeg_command(path: Path, width: int, height: int) -> list[str]:
    """Raw frames from stdin to H.264, in the form that browsers and phones play."""
    import imageio_ffmpeg

    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    given += ["-r", str(FRAMES_PER_SECOND), "-i", "-"]
    codec = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-preset", "veryfast"]
    start = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"]
    return [*start, *given, *codec, "-movflags", "+faststart", str(path)]


def _write_gif(path: Path, frames: Iterator[npt.NDArray[Any]]) -> None:
    """One palette for all frames, of some of the first: colours stay still, and files small.

    The palette covers the colours' range, so that small things keep theirs.
    """
    head = list(itertools.islice(frames, _COUNT_EVERY * (_PALETTE_FRAMES - 1) + 1))
    sample = Image.fromarray(np.concatenate(head[::_COUNT_EVERY]))
    palette = sample.quantize(_GIF_COLOURS, method=Image.Quantize.MAXCOVERAGE)

    def images() -> Iterator[Image.Image]:
        all_frames = itertools.chain(head, frames)
        for frame, delay in zip(all_frames, itertools.cycle(GIF_DELAYS), strict=False):
            image = Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
            image.info["duration"] = delay
            yield image

    shown = images()
    next(shown).save(path, format="GIF", save_all=True, append_images=shown, loop=0)


_WRITERS: dict[str, Callable[[Path, Iterator[npt.NDArray[Any]]], None]] = {
    ".mp4": _write_mp4,
    ".gif": _write_gif,
}
