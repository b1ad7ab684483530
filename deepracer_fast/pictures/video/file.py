"""Keeps frames as a film: MP4 by ffmpeg, or GIF or WebP by Pillow.

In: a path and RGB frames, one a control period. Out: the file, whole or not at all. Neighbours:
``pictures.video.frame`` draws the frames, ``commands.video`` names the file.
"""

import contextlib
import importlib.util
import itertools
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from deepracer_fast.checks.arrays import Array, array
from deepracer_fast.checks.values import path_of, refuse
from deepracer_fast.errors import ConfigError
from deepracer_fast.pictures.video.gif_palette import gif_palette, in_palette
from deepracer_fast.world.simulator import CONTROL_PERIOD

Frames = Iterable[Array]

FRAMES_PER_SECOND = round(1 / CONTROL_PERIOD)
GIF_DELAYS = (70, 70, 60)
"""Milliseconds by turns, since a GIF counts in hundredths of a second: 15 frames a second."""

_WEBP_QUALITY, _WEBP_METHOD = 60, 2  # of 100; 2 of 6 takes half the time of the usual 4


@lru_cache
def mp4_encoder() -> str | None:
    """The ffmpeg that writes H.264: the one of the extra ``video``, or one on PATH, if any does."""
    found = [shutil.which("ffmpeg")]
    if importlib.util.find_spec("imageio_ffmpeg") is not None:
        import imageio_ffmpeg

        with contextlib.suppress(RuntimeError):  # its wheel for this system has none
            found.insert(0, imageio_ffmpeg.get_ffmpeg_exe())
    return next((path for path in found if path and _has_h264(path)), None)


def _has_h264(ffmpeg: str) -> bool:
    """Whether an ffmpeg runs and has libx264, which some systems leave out."""
    command, nowhere = [ffmpeg, "-hide_banner", "-encoders"], subprocess.DEVNULL
    try:
        answer = subprocess.run(command, stdin=nowhere, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"libx264" in answer.stdout


def check_film_path(path: Path) -> None:
    """Says before anything is drawn that a film cannot be written there.

    Raises:
        ConfigError: the suffix is not known, MP4 without an encoder, or no such folder.
    """
    path = path_of("the path of a video", path)
    if path.suffix.lower() not in _WRITERS:
        raise ConfigError(f"{path}: a video must end in .mp4, .gif or .webp")
    if path.suffix.lower() == ".mp4" and mp4_encoder() is None:
        raise ConfigError(
            f"{path}: MP4 needs an encoder: pip install 'deepracer-fast[video]', or an ffmpeg with "
            "libx264 on PATH; or name a .gif"
        )
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it first")


def write_film(path: Path, frames: Frames) -> None:
    """Writes a film at 15 frames a second; an existing file is replaced.

    Args:
        path: ends in .mp4, .gif or .webp.
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


def _checked(frames: Frames) -> Iterator[Array]:
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


def _frame(frame: object, shape: tuple[int, ...]) -> Array:
    """A frame of a film whose first one has this shape."""
    found = array("a frame", frame)
    if found.dtype != np.uint8 or found.ndim != 3 or found.shape[2] != 3 or found.shape != shape:
        raise ConfigError(
            f"a frame must be uint8 [H, W, 3], all of one size, got {found.dtype} {found.shape}"
        )
    if not found.size:
        raise ConfigError(f"a frame must have pixels, got {found.shape}")
    return found


def _write_mp4(path: Path, frames: Iterator[Array]) -> None:
    """Hands the frames to ffmpeg.

    Not by ``imageio_ffmpeg.write_frames``: that forks, which JAX's threads must not meet.
    """
    first = next(frames)
    command = _ffmpeg_command(path, first.shape[1], first.shape[0])
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=nowhere, stderr=pipe) as ffmpeg:
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
    encoder = mp4_encoder()
    assert encoder is not None, "check_film_path lets no MP4 by without one"
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    given += ["-r", str(FRAMES_PER_SECOND), "-i", "-"]
    codec = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-preset", "veryfast"]
    start = [encoder, "-y", "-loglevel", "error"]
    return [*start, *given, *codec, "-movflags", "+faststart", str(path)]


def _write_gif(path: Path, frames: Iterator[Array]) -> None:
    """One palette for all frames, so that colours stay still, and what stays is not kept again."""
    pages, palette = gif_palette(frames)

    def images() -> Iterator[Image.Image]:
        for frame, delay in zip(pages, itertools.cycle(GIF_DELAYS), strict=False):
            image = in_palette(frame, palette)
            image.info["duration"] = delay
            yield image

    shown = images()
    next(shown).save(path, format="GIF", save_all=True, append_images=shown, loop=0)


def _write_webp(path: Path, frames: Iterator[Array]) -> None:
    """Half as large as a GIF of the same frames, in all colours; browsers show it."""
    shown = (Image.fromarray(frame) for frame in frames)
    how = {"duration": round(1000 / FRAMES_PER_SECOND), "loop": 0}
    how |= {"quality": _WEBP_QUALITY, "method": _WEBP_METHOD}
    next(shown).save(path, format="WEBP", save_all=True, append_images=shown, **how)


_WRITERS: dict[str, Callable[[Path, Iterator[Array]], None]] = {
    ".mp4": _write_mp4,
    ".gif": _write_gif,
    ".webp": _write_webp,
}
