"""What a frame of a video looks like: one moment of a drive as a picture.

In: a ``Moment``. Out: RGB arrays, one a control period: the car from behind, what it saw, where it
is on the track, what it does, and how likely its policy held each action. Neighbours: ``views``
paints what the cameras show, ``video_command`` has the moments, ``video_file`` keeps the frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from deepracer_fast.track import Track
from deepracer_fast.track_picture import track_map
from deepracer_fast.views import CHASE_HEIGHT, CHASE_WIDTH, Pose, RoadObjects, Views

Array = npt.NDArray[Any]
Colour = tuple[int, int, int]

WIDTH, HEIGHT = 1008, 576  # pixels, whole blocks of 16 as video codecs have them

_BACKGROUND: Colour = (22, 27, 34)
_QUIET: Colour = (139, 148, 158)
_TEXT: Colour = (240, 246, 252)
_BRIGHT: Colour = (255, 166, 48)
_DIM: Colour = (72, 98, 130)
_PATH: Colour = (86, 211, 255)
_CAR: Colour = (255, 72, 72)
_OTHER: Colour = (255, 255, 255)

_COLUMN = CHASE_WIDTH + 16  # where the right column begins
_COLUMN_WIDTH = WIDTH - _COLUMN - 16
_EYE = (320, 240)  # pixels, twice the policy's picture
_MAP_TOP, _MAP_BOTTOM = 284, 426
_BARS_TOP, _BARS_HEIGHT = 452, 84
_JUMP = 12.0  # pixels of the map, more than a car drives in a step: it was put somewhere else


@dataclass(frozen=True)
class Moment:
    """One step of a drive: where the car was and what was chosen there.

    Attributes:
        car: its pose.
        objects: what else is on the road.
        picture: uint8 [120, 160, C], what the policy saw; None to show what a camera would have.
        steering: commanded, degrees, left positive.
        speed: commanded, m/s.
        progress: percent of the lap.
        seconds: simulated time since the lap began.
        lap: its number, or the episode's.
        status: a word of ``STATUS_NAMES``, or "".
        reward: of this step; None where nobody gave one.
        total: of the lap up to here.
        answer: the policy's probabilities [A] or means in -1..1 [2]; None where none is known.
    """

    car: Pose
    steering: float
    speed: float
    progress: float
    seconds: float
    lap: int
    status: str = ""
    objects: RoadObjects = field(default_factory=RoadObjects.none)
    picture: Array | None = None
    reward: float | None = None
    total: float = 0.0
    answer: Array | None = None


@dataclass(frozen=True)
class Caption:
    """What all frames of a video say.

    Attributes:
        title: whose drive it is, and where.
        unit: what ``Moment.lap`` counts, "lap" or "episode".
        actions: steering (degrees) and speed (m/s) of each action; empty without a list of them.
        has_answers: the moments hold a policy's answers; the map takes their place otherwise.
    """

    title: str
    unit: str = "lap"
    actions: Sequence[tuple[float, float]] = ()
    has_answers: bool = True


class Screen:
    """Draws the frames of one video, in order: the map remembers the way driven."""

    def __init__(self, track: Track, caption: Caption) -> None:
        self.caption = caption
        self._views = Views(track)
        bottom = _MAP_BOTTOM if caption.has_answers else HEIGHT - 16
        self._map = track_map(track, _COLUMN_WIDTH, bottom - _MAP_TOP)
        self._way = Image.fromarray(self._map.pixels)
        self._last: tuple[float, float] | None = None
        self._order = _from_left(caption.actions)

    def frame(self, moment: Moment) -> Array:
        """The frame of one moment, uint8 [HEIGHT, WIDTH, 3]."""
        image = Image.new("RGB", (WIDTH, HEIGHT), _BACKGROUND)
        draw = ImageDraw.Draw(image)
        chase = self._views.chase(moment.car, moment.objects)
        image.paste(Image.fromarray(chase), (0, 0))
        self._draw_title(draw, moment)
        self._draw_eye(image, draw, moment)
        self._draw_map(image, draw, moment)
        self._draw_answer(draw, moment)
        _draw_figures(draw, moment)
        return np.asarray(image)

    def _draw_title(self, draw: ImageDraw.ImageDraw, moment: Moment) -> None:
        _label(draw, (12, 10), f"{self.caption.title}, {self.caption.unit} {moment.lap}")
        if moment.status not in ("", "in_progress", "prepare"):
            _label(draw, (12, 40), moment.status.replace("_", " "), _BRIGHT)

    def _draw_eye(self, image: Image.Image, draw: ImageDraw.ImageDraw, moment: Moment) -> None:
        seen = moment.picture is not None
        picture = moment.picture if seen else self._views.own(moment.car, moment.objects)
        assert picture is not None
        eyes = picture.shape[2]
        what = (
            ("left and right camera" if eyes > 1 else "camera")
            if seen
            else "camera, drawn from the pose"
        )
        _text(draw, (_COLUMN, 8), what, 13, _QUIET)
        width, height = (_COLUMN_WIDTH - 8) // eyes if eyes > 1 else _EYE[0], _EYE[1]
        height = width * picture.shape[0] // picture.shape[1]
        for eye in range(eyes):
            part = Image.fromarray(np.ascontiguousarray(picture[..., eye]))
            left = _COLUMN + eye * (width + 8)
            image.paste(part.resize((width, height), Image.Resampling.BICUBIC), (left, 28))

    def _draw_map(self, image: Image.Image, draw: ImageDraw.ImageDraw, moment: Moment) -> None:
        x, y = (float(value) for value in self._map.place(np.array(moment.car[:2])))
        if self._last is not None and np.hypot(x - self._last[0], y - self._last[1]) < _JUMP:
            ImageDraw.Draw(self._way).line([self._last, (x, y)], fill=_PATH, width=2)
        self._last = (x, y)
        image.paste(self._way, (_COLUMN, _MAP_TOP))
        for place in self._map.place(moment.objects.poses[:, :2]):
            _dot(draw, (_COLUMN + place[0], _MAP_TOP + place[1]), 3, _OTHER)
        _dot(draw, (_COLUMN + x, _MAP_TOP + y), 5, _CAR)

    def _draw_answer(self, draw: ImageDraw.ImageDraw, moment: Moment) -> None:
        if moment.answer is None:
            return
        if self._order:
            _draw_probabilities(draw, moment.answer, self.caption.actions, self._order)
        else:
            _draw_means(draw, moment)


def _from_left(actions: Sequence[tuple[float, float]]) -> list[int]:
    """Numbers of the actions, those that steer left first, the slow ones of them first."""
    return sorted(range(len(actions)), key=lambda a: (-actions[a][0], actions[a][1]))


def _draw_probabilities(
    draw: ImageDraw.ImageDraw,
    probabilities: Array,
    actions: Sequence[tuple[float, float]],
    order: Sequence[int],
) -> None:
    """A bar for each action, the likeliest one bright; below it the steering angles."""
    best = int(np.argmax(probabilities))
    steering, speed = actions[best]
    what = f"actions: {_angle(steering)} at {speed:.2f} m/s, {100 * probabilities[best]:.0f} %"
    _text(draw, (_COLUMN, _BARS_TOP - 20), what, 13, _QUIET)
    bottom = _BARS_TOP + _BARS_HEIGHT
    pitch = _COLUMN_WIDTH / len(order)
    labelled = -1e9
    for place, action in enumerate(order):
        left, height = _COLUMN + place * pitch, _BARS_HEIGHT * float(probabilities[action])
        colour = _BRIGHT if action == best else _DIM
        gap = min(2.0, 0.3 * pitch)
        draw.rectangle((left, bottom - max(height, 1), left + pitch - gap, bottom), fill=colour)
        is_first = place == 0 or actions[order[place - 1]][0] != actions[action][0]
        if is_first and left - labelled > 36:
            _text(draw, (left, bottom + 4), _angle(actions[action][0]), 11, _QUIET)
            labelled = left


def _draw_means(draw: ImageDraw.ImageDraw, moment: Moment) -> None:
    """The means of a continuous policy on their scale from -1 to 1."""
    assert moment.answer is not None
    _text(draw, (_COLUMN, _BARS_TOP - 20), "the policy's means, -1 to 1", 13, _QUIET)
    middle = _COLUMN + _COLUMN_WIDTH / 2
    for row, (name, mean) in enumerate(zip(("steering", "speed"), moment.answer, strict=True)):
        # A positive angle steers left, and is drawn there.
        shown = float(np.clip(-mean if row == 0 else mean, -1, 1))
        top = _BARS_TOP + 8 + 44 * row
        _text(draw, (_COLUMN, top), f"{name} {mean:+.2f}", 13, _TEXT)
        _draw_bar(draw, middle, top + 20, shown * _COLUMN_WIDTH / 2)


def _draw_bar(draw: ImageDraw.ImageDraw, middle: float, top: float, length: float) -> None:
    draw.rectangle(
        (min(middle, middle + length), top, max(middle, middle + length), top + 12), fill=_BRIGHT
    )
    draw.line((middle, top - 2, middle, top + 14), fill=_QUIET)


def _draw_figures(draw: ImageDraw.ImageDraw, moment: Moment) -> None:
    """The numbers below the chase view, and the lap as a bar."""
    reward = "-" if moment.reward is None else f"{moment.reward:.2f}"
    total = "" if moment.reward is None else f"sum {moment.total:.1f}"
    figures = (
        ("speed", f"{moment.speed:.2f}", "m/s"),
        ("steering", _angle(moment.steering), ""),
        ("reward", reward, total),
        ("progress", f"{moment.progress:.1f}", "%"),
        ("lap time", f"{moment.seconds:.2f}", "s"),
    )
    pitch = CHASE_WIDTH / len(figures)
    for number, (name, value, unit) in enumerate(figures):
        left = 12 + number * pitch
        _text(draw, (left, CHASE_HEIGHT + 10), name, 13, _QUIET)
        _text(draw, (left, CHASE_HEIGHT + 28), value, 26, _TEXT)
        place = left + _font(26).getlength(value) + 5
        _text(draw, (place, CHASE_HEIGHT + 38), unit, 13, _QUIET)
    right = 12 + (CHASE_WIDTH - 24) * min(max(moment.progress, 0.0), 100.0) / 100
    draw.rectangle((12, HEIGHT - 20, CHASE_WIDTH - 12, HEIGHT - 12), fill=_DIM)
    draw.rectangle((12, HEIGHT - 20, right, HEIGHT - 12), fill=_BRIGHT)


def _angle(degrees: float) -> str:
    return f"{degrees:+.0f}°" if round(degrees) else "0°"


def _dot(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], radius: float, colour: Colour
) -> None:
    x, y = place
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=(0, 0, 0))


def _label(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, colour: Colour = _TEXT
) -> None:
    """Text on a dark plate, legible over any picture."""
    left, top, right, bottom = draw.textbbox(place, text, font=_font(16))
    draw.rectangle((left - 6, top - 4, right + 6, bottom + 5), fill=_BACKGROUND)
    _text(draw, place, text, 16, colour)


def _text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, colour: Colour
) -> None:
    draw.text(place, text, font=_font(size), fill=colour)


@lru_cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
