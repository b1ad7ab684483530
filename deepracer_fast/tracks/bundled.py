"""The bundled tracks, and made-up ones.

In: ``bundled_outlines.json``, 42 tracks as control points on the centre line (metres, in driving
direction, closed) with the road's width. They are surveyed outlines, 1-2 cm accurate, not the
original's route files. Out: outlines by name; ``outline`` draws their roads.

Neighbour: ``deepracer_fast/tracks/track.py`` turns a route, from here or from a file, into a
``Track``.
"""

import json
import re
from dataclasses import replace
from functools import cache
from importlib import resources

from deepracer_fast.tracks.outline import Outline
from deepracer_fast.tracks.random_outline import PREFIX, random_outline

RANDOM_TRACKS = 2**63
"""Numbers of made-up tracks lie below."""

_CCW, _CW = "_ccw", "_cw"
_NO_NAMES = {"track", "training", "train", "ccw", "cw"}

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")  # one name a track, so no leading zeros


@cache
def outlines() -> dict[str, Outline]:
    """All bundled tracks by name, the most used ones first."""
    text = (resources.files(__package__) / "bundled_outlines.json").read_text(encoding="utf-8")
    return {
        name: Outline(name, control_points=tuple(map(tuple, entry.pop("control_points"))), **entry)
        for name, entry in json.loads(text).items()
    }


def names_meant(name: str) -> list[str]:
    """The bundled tracks that people mean by a name, the most used ones first.

    Names and titles count, whatever their case, spaces and marks, with or without the words that
    say no more than that it is a track ("Oval"), or a route in its usual direction.
    """
    wanted = "".join(_words(name))
    return [known for known, spellings in _spellings().items() if wanted and wanted in spellings]


@cache
def _spellings() -> dict[str, set[str]]:
    """By the name of each track what it may be called, as ``_words`` joined."""
    usual = {
        known: {
            "".join(words)
            for words in map(_words, (known, outline.title))
            for words in (words, [word for word in words if word not in _NO_NAMES])
        }
        for known, outline in outlines().items()
    }
    return usual | {name: {"".join(_words(name))} for name in clockwise_names()}


def clockwise_names() -> list[str]:
    """The ecosystem's names of bundled tracks driven the other way: ``_cw`` for ``_ccw``."""
    return [f"{known.removesuffix(_CCW)}{_CW}" for known in outlines() if known.endswith(_CCW)]


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.casefold())


def find_outline(name: str) -> Outline | None:
    """The bundled track of that name, the made-up one of ``random_<number>``, or None."""
    number = name.removeprefix(PREFIX)
    if name == number:
        forwards = outlines().get(f"{name.removesuffix(_CW)}{_CCW}" if name.endswith(_CW) else "")
        return replace(forwards, name=name, clockwise=True) if forwards else outlines().get(name)
    if not _NUMBER.fullmatch(number) or int(number) >= RANDOM_TRACKS:
        return None
    return random_outline(int(number))
