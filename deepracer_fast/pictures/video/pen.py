"""Text and plain shapes of a video's frames, at any size of the frame.

In: places and sizes for a frame of scale 1. Out: strokes on a picture of the frame's scale.
Neighbours: ``pictures.video.frame`` and ``pictures.video.bars`` draw with it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from deepracer_fast.pictures.video.car_shape import Colour

BACKGROUND: Colour = (22, 27, 34)
QUIET: Colour = (160, 169, 180)
TEXT: Colour = (240, 246, 252)
BRIGHT: Colour = (255, 166, 48)
DIM: Colour = (72, 98, 130)

_LEAST_TEXT = 11  # pixels, below which digits blur

Place = tuple[float, float]


@dataclass(frozen=True)
class Pen:
    """Draws on one picture.

    Attributes:
        draw: the picture's.
        scale: of the picture's pixels to the places given.
    """

    draw: ImageDraw.ImageDraw
    scale: float

    def pixels(self, place: Place) -> tuple[int, int]:
        """A place, or a width and height, in the picture's pixels."""
        return round(self.scale * place[0]), round(self.scale * place[1])

    def text(self, place: Place, text: str, size: int, colour: Colour) -> None:
        """Text with its upper left corner there."""
        self.draw.text(self.pixels(place), text, font=self._font(size), fill=colour)

    def text_upwards(self, place: Place, text: str, size: int, colour: Colour) -> None:
        """Text that is read from below, with its upper left corner there."""
        upwards = ImageFont.TransposedFont(self._font(size), Image.Transpose.ROTATE_90)
        self.draw.text(self.pixels(place), text, font=upwards, fill=colour)

    def length(self, text: str, size: int) -> float:
        """How wide a text is, at scale 1."""
        return float(self._font(size).getlength(text)) / self.scale

    def label(self, place: Place, text: str, colour: Colour = TEXT) -> None:
        """Text on a dark plate, legible over any picture."""
        box = self.draw.textbbox(self.pixels(place), text, font=self._font(16))
        self.draw.rectangle((box[0] - 6, box[1] - 4, box[2] + 6, box[3] + 5), fill=BACKGROUND)
        self.text(place, text, 16, colour)

    def box(self, corners: tuple[float, float, float, float], colour: Colour) -> None:
        """A rectangle: left, top, right, bottom, of a pixel at least."""
        left, top = self.pixels(corners[:2])
        right, bottom = self.pixels(corners[2:])
        self.draw.rectangle((left, top, max(left, right), max(top, bottom)), fill=colour)

    def dot(self, pixel: Place, radius: float, colour: Colour, outline: Colour) -> None:
        """A disc around a pixel of the picture."""
        self.draw.ellipse(self._around(pixel, radius), fill=colour, outline=outline)

    def square(self, pixel: Place, half: float, colour: Colour, outline: Colour) -> None:
        """A square around a pixel of the picture."""
        self.draw.rectangle(self._around(pixel, half), fill=colour, outline=outline)

    def _around(self, pixel: Place, reach: float) -> tuple[float, float, float, float]:
        (x, y), reach = pixel, reach * self.scale
        return x - reach, y - reach, x + reach, y + reach

    def _font(self, size: int) -> Any:
        return _font(max(round(self.scale * size), _LEAST_TEXT))


def angle(degrees: float) -> str:
    """A steering angle, left positive."""
    return f"{degrees:+.0f}°" if round(degrees) else "0°"


@lru_cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
