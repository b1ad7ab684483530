"""The palette of a GIF: as many colours as keep the film small enough to be sent to somebody.

In: frames. Out: the same frames, and a palette for all of them. Neighbour: ``pictures.video.file``
writes the GIF.
"""

import io
import itertools
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from deepracer_fast.checks.arrays import Array

Frame = Array

BYTES_PER_FRAME = 15_000
"""Of a film of 15 s, 3.4 MB in all."""

_ALWAYS_SMALL = 1_500_000  # bytes of a film, which short ones may have with any palette

_LOOKED_AT = 900  # frames, the first minute, of which the palette is made
_SAMPLES = 16  # frames of these
_RUNS, _RUN = 9, 4  # runs of frames, and how many frames each, that the size is guessed from
_COLOURS = (48, 40, 32, 24, 16)  # to choose from, the most first
_GREYS = 0.25  # share of them, for what the car sees


def gif_palette(frames: Iterator[Frame]) -> tuple[Iterator[Frame], Image.Image]:
    """Frames as they came, and a palette image to ``quantize`` them all with.

    The palette holds as many colours as make frames of ``BYTES_PER_FRAME``, guessed from some of
    the first minute, which is kept packed meanwhile.
    """
    head = [_packed(frame) for frame in itertools.islice(frames, _LOOKED_AT)]
    samples = [_unpacked(*page) for page in _spread(head, _SAMPLES)]
    allowed = max(BYTES_PER_FRAME, _ALWAYS_SMALL // max(len(head), 1))
    palette = _largest_that_fits(samples, _runs(head), allowed)
    return itertools.chain((_unpacked(*page) for page in head), frames), palette


def in_palette(frame: Frame, palette: Image.Image) -> Image.Image:
    """A frame in the colours of a palette image, without the specks of dithering."""
    return Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)


def _largest_that_fits(
    samples: list[Frame], runs: list[list[Frame]], bytes_per_frame: int
) -> Image.Image:
    """The palette of the most colours, or of the fewest if all are too many."""
    sample = Image.fromarray(np.concatenate(samples)[::3, ::3])
    for colours in _COLOURS:
        palette = _palette(sample, colours)
        if _bytes_per_frame(runs, palette) <= bytes_per_frame:
            break
    return palette


def _palette(sample: Image.Image, colours: int) -> Image.Image:
    """Some greys; the rest begins with the rarest colours and moves to where most pixels are."""
    greys = np.linspace(0, 255, round(_GREYS * colours)).astype(int).repeat(3).tolist()
    others = colours - len(greys) // 3
    spread = sample.quantize(others, method=Image.Quantize.MAXCOVERAGE, kmeans=1)
    known = (spread.getpalette() or [])[: 3 * others]
    palette = Image.new("P", (1, 1))
    palette.putpalette(known + greys)
    return palette


def _bytes_per_frame(runs: list[list[Frame]], palette: Image.Image) -> float:
    """What a frame adds to a film; the first two of a run are left out, which Pillow packs else."""
    added, count = 0, 0
    for run in runs:
        images = [in_palette(frame, palette) for frame in run]
        added += _size(images) - _size(images[:2])
        count += len(images) - 2
    return added / count if count > 0 else 0.0


def _size(images: Sequence[Image.Image]) -> int:
    film = io.BytesIO()
    images[0].save(film, format="GIF", save_all=True, append_images=images[1:], duration=70)
    return film.tell()


def _runs(head: list[tuple[tuple[int, ...], bytes]]) -> list[list[Frame]]:
    starts = _spread(list(range(max(len(head) - _RUN, 1))), _RUNS)
    return [[_unpacked(*page) for page in head[start : start + _RUN]] for start in starts]


def _spread(values: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the values, evenly chosen."""
    count = min(len(values), most)
    return [values[i * len(values) // count] for i in range(count)]


def _packed(frame: Frame) -> tuple[tuple[int, ...], bytes]:
    return frame.shape, zlib.compress(frame.tobytes(), 1)


def _unpacked(shape: tuple[int, ...], packed: bytes) -> Frame:
    return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape)
