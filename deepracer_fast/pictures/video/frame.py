"""What a frame of a video looks like: one moment of a drive as a picture.

In: a ``Moment``. Out: RGB arrays, one a control period: the car from behind, what it saw, where it
is on the track, what it does, and how likely its policy held each action. Neighbours: ``views``
paints what the cameras show, ``pictures.video.bars`` the actions, ``commands.video`` has the
moments, ``pictures.video.file`` keeps the frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from deepracer_fast.checks.arrays import Array
from deepracer_fast.pictures.track import track_map
from deepracer_fast.pictures.video.bars import draw_means, draw_probabilities, from_left
from deepracer_fast.pictures.video.car_shape import BOX_COLOUR, CAR_COLOURS, Colour
from deepracer_fast.pictures.video.pen import BACKGROUND, BRIGHT, DIM, QUIET, TEXT, Pen, angle
from deepracer_fast.pictures.video.views import CHASE_HEIGHT, CHASE_WIDTH, Pose, RoadObjects, Views
from deepracer_fast.tracks.track import Track

WIDTH, HEIGHT = 1008, 576  # pixels at scale 1, whole blocks of 16 as video codecs have them
SMALL = 0.75
"""The scale that a GIF is drawn at: 756 x 432 pixels."""

_PATH: Colour = (86, 211, 255)
_OUTLINE: Colour = (255, 255, 255)

# Places at scale 1, pixels.
_COLUMN = CHASE_WIDTH + 16  # where the right column begins
_COLUMN_WIDTH = WIDTH - _COLUMN - 16
_EYE = (320, 240)  # twice the policy's picture
_MAP_TOP, _MAP_BOTTOM = 284, 424
_BARS_TOP, _BARS_HEIGHT = 450, 82
_FIGURES = (12, 132, 232, 402, 524)  # where each begins, below the chase view
_JUMP = 0.6  # m, more than a car drives in a step: it was put somewhere else


@dataclass(frozen=True)
class Moment:
    """One step of a drive: where the car was and what was chosen there.

    Attributes:
        car: its pose.
        objects: what else is on the road.
        picture: uint8 [120, 160, C], what the policy saw; None to show what a camera would have.
        steering: commanded, degrees, left positive.
        speed: commanded, m/s.
        progress: percent of the lap; 0 behind its start.
        seconds: simulated time since the lap began.
        lap: its number, or the episode's.
        status: a word of ``STATUS_NAMES``, or "".
        reward: of this step; None where nobody gave one.
        total: of the lap up to here.
        output: the policy's probabilities [A] or means in -1..1 [2]; None where none is known.
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
    output: Array | None = None


@dataclass(frozen=True)
class Caption:
    """What all frames of a video say.

    Attributes:
        title: whose drive it is, and where.
        unit: what ``Moment.lap`` counts, "lap" or "episode".
        actions: steering (degrees) and speed (m/s) of each action; empty without a list of them.
        has_answers: the moments hold a policy's answers; the map takes their place otherwise.
        car_colour: of the shell, a name of ``CAR_COLOURS``.
    """

    title: str
    unit: str = "lap"
    actions: Sequence[tuple[float, float]] = ()
    has_answers: bool = True
    car_colour: str = "Red"


class Screen:
    """Draws the frames of one video, in order: the map remembers the way driven.

    Args:
        track: where it is driven.
        caption: what all frames say.
        scale: 1 for frames of ``WIDTH`` and ``HEIGHT``, ``SMALL`` for smaller ones.
    """

    def __init__(self, track: Track, caption: Caption, scale: float = 1.0) -> None:
        self.caption, self.scale = caption, scale
        self.size = (round(scale * WIDTH), round(scale * HEIGHT))
        self._views = Views(track, caption.car_colour, round(scale * CHASE_WIDTH))
        bottom = _MAP_BOTTOM if caption.has_answers else HEIGHT - 16
        size = (_COLUMN_WIDTH, bottom - _MAP_TOP)
        self._map = track_map(track, *(round(scale * length) for length in size))
        self._way = Image.fromarray(self._map.pixels)
        self._last: Array | None = None
        self._order = from_left(caption.actions)

    def frame(self, moment: Moment) -> Array:
        """The frame of one moment, uint8 [H, W, 3]."""
        image = Image.new("RGB", self.size, BACKGROUND)
        pen = Pen(ImageDraw.Draw(image), self.scale)
        image.paste(Image.fromarray(self._views.chase(moment.car, moment.objects)), (0, 0))
        self._draw_title(pen, moment)
        self._draw_eye(image, pen, moment)
        self._draw_map(image, moment)
        if moment.output is not None:
            area = (_COLUMN, _BARS_TOP, _COLUMN_WIDTH, _BARS_HEIGHT)
            if self._order:
                draw_probabilities(pen, area, moment.output, self.caption.actions, self._order)
            else:
                draw_means(pen, area, moment.output, (moment.steering, moment.speed))
        _draw_figures(pen, moment)
        return np.asarray(image)

    def _draw_title(self, pen: Pen, moment: Moment) -> None:
        pen.label((12, 10), f"{self.caption.title}, {self.caption.unit} {moment.lap}")
        if moment.status not in ("", "in_progress", "prepare"):
            pen.label((12, 42), moment.status.replace("_", " "), BRIGHT)

    def _draw_eye(self, image: Image.Image, pen: Pen, moment: Moment) -> None:
        seen = moment.picture is not None
        picture = moment.picture if seen else self._views.own(moment.car, moment.objects)
        assert picture is not None
        eyes = picture.shape[2]
        what = "left and right camera" if eyes > 1 else "camera"
        what += "" if seen else ", drawn from the pose"
        pen.text((_COLUMN, 8), what, 13, QUIET)
        width = (_COLUMN_WIDTH - 8) // eyes if eyes > 1 else _EYE[0]
        size = (width, width * picture.shape[0] // picture.shape[1])
        for eye in range(eyes):
            part = Image.fromarray(np.ascontiguousarray(picture[..., eye]))
            place = pen.pixels((_COLUMN + eye * (width + 8), 28))
            image.paste(part.resize(pen.pixels(size), Image.Resampling.BICUBIC), place)

    def _draw_map(self, image: Image.Image, moment: Moment) -> None:
        here = np.array(moment.car[:2])
        if self._last is not None and np.hypot(*(here - self._last)) < _JUMP:
            ends = [tuple(self._map.place(point).tolist()) for point in (self._last, here)]
            ImageDraw.Draw(self._way).line(ends, fill=_PATH, width=2)
        self._last = here
        shown = self._way.copy()
        pen = Pen(ImageDraw.Draw(shown), self.scale)
        for pose, is_car in zip(moment.objects.poses, moment.objects.is_car, strict=True):
            x, y = self._map.place(pose[:2]).tolist()
            if is_car:
                pen.dot((x, y), 4, CAR_COLOURS[self._views.others], (0, 0, 0))
            else:
                pen.square((x, y), 4, BOX_COLOUR, _OUTLINE)
        x, y = self._map.place(here).tolist()
        pen.dot((x, y), 5.5, CAR_COLOURS[self.caption.car_colour], _OUTLINE)
        image.paste(shown, pen.pixels((_COLUMN, _MAP_TOP)))


def _draw_figures(pen: Pen, moment: Moment) -> None:
    """The numbers below the chase view, and the lap as a bar."""
    reward = "-" if moment.reward is None else f"{moment.reward:.2f}"
    total = "" if moment.reward is None else f"sum {moment.total:.1f}"
    figures = (
        ("speed", f"{moment.speed:.2f}", "m/s"),
        ("steering", angle(moment.steering), ""),
        ("reward", reward, total),
        ("progress", f"{moment.progress:.1f}", "%"),
        ("lap time", f"{moment.seconds:.2f}", "s"),
    )
    for left, (name, value, unit) in zip(_FIGURES, figures, strict=True):
        pen.text((left, CHASE_HEIGHT + 8), name, 13, QUIET)
        pen.text((left, CHASE_HEIGHT + 27), value, 26, TEXT)
        pen.text((left + pen.length(value, 26) + 5, CHASE_HEIGHT + 38), unit, 13, QUIET)
    right = 12 + (CHASE_WIDTH - 24) * min(moment.progress, 100.0) / 100
    pen.box((12, HEIGHT - 20, CHASE_WIDTH - 12, HEIGHT - 12), DIM)
    pen.box((12, HEIGHT - 20, right, HEIGHT - 12), BRIGHT)
