"""Roads as other people may have them: each is read, and is the road that it was made from.

``run(count, seed)`` makes up ``count`` roads, by turns loops and open pieces of loops, and brings
each into a form of its own: three lines sampled each on its own, a border that begins elsewhere or
runs back, rows doubled, driven the other way round, a centre line with its width, not closed,
moved by whole metres up to 6,000 km. What must hold:

- it loads, with the waypoints that were written, and its width is that of the road within 6 cm;
- it is written and read back bit for bit;
- 16 cars that are placed and drive on it and on its twin at the origin have ``x``, ``y`` and
  ``waypoints`` within a millimetre and the same progress: within 1e-4 where a road is moved by
  kilometres, as half of them are, and within 100 micrometres of the road by other whole metres,
  unless its middle or its corner was at the origin: each twin then rounds to float32 on its own.

Every choice comes from ``seed``. One line a finding comes back.
"""

import io
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepracer_fast.errors import DeepRacerError
from deepracer_fast.tracks.track import Track, load_track, save_route
from deepracer_fast.world.simulator import Simulator

CARS, STEPS = 16, 10
WIDTH_TOLERANCE = 0.06  # m, of borders sampled 5 cm apart in bends as narrow as the road
FARTHEST = 6_000_000  # m
PROGRESS_TOLERANCE = 1e-4  # %
MILLIMETRE = 1e-3

Points = NDArray[np.float64]
Random = np.random.Generator


def run(count: int, seed: int) -> list[str]:
    """Findings of ``count`` made-up roads, [] if everything held."""
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            random = np.random.default_rng([seed, number])
            route, what = made_up(random)
            try:
                problem = found_wrong(route, what, random, Path(folder))
            except DeepRacerError as error:
                problem = f"refused: {error}"
            if problem:
                findings.append(f"route {number} of seed {seed}, {what}: {problem}")
    return findings


def made_up(random: Random) -> tuple[Points, str]:
    """A road in a form of its own, and what it is."""
    name = f"random_{random.integers(2000)}"
    track = load_track(name)
    lines = [track.waypoints, track.inner, track.outer]
    what = [name, f"{track.width[1]:.3f} m wide"]
    is_open = random.random() < 0.25
    if is_open:
        rows = int(random.integers(20, len(lines[0]) - 10))
        lines = [line[:rows] for line in lines]
        what.append("open")
    if random.random() < 0.3:
        lines = [line[::-1] for line in lines]
        what.append("backwards")
    if random.random() < 0.2:
        width = np.full(len(lines[0]), track.width[1])
        return np.column_stack([lines[0], width]), ", ".join([*what, "with its width"])
    if random.random() < 0.7:
        lines = sampled(lines, is_open, random)
        what.append("each line on its own")
    route = np.hstack(lines)
    if random.random() < 0.3:
        rows = np.sort(random.integers(1, len(route) - 1, 5))
        route = np.insert(route, rows, route[rows], axis=0)
        what.append("rows doubled")
    if not is_open and random.random() < 0.3:
        route = route[:-1]
        what.append("not closed")
    return route, ", ".join(what)


def sampled(lines: list[Points], is_open: bool, random: Random) -> list[Points]:
    """The same lines, evenly in the same number of rows; borders begin or run as they like."""
    length = np.linalg.norm(np.diff(lines[0], axis=0), axis=1).sum()
    count = int(length / random.uniform(0.04, 0.15))
    result = [evenly(lines[0], count)]
    for line in lines[1:]:
        if not is_open and random.random() < 0.5:
            line = np.vstack([np.roll(line[:-1], random.integers(len(line)), axis=0)] * 2)
            line = line[: len(line) // 2 + 1]
        if random.random() < 0.2:
            line = line[::-1]
        result.append(evenly(line, count))
    return result


def evenly(line: Points, count: int) -> Points:
    arc = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)))
    at = np.linspace(0.0, arc[-1], count)
    points = np.column_stack([np.interp(at, arc, axis) for axis in line.T])
    points[[0, -1]] = line[[0, -1]]
    return points


def found_wrong(route: Points, what: str, random: Random, folder: Path) -> str | None:
    """The first promise that is not kept."""
    track = loaded(route, folder)
    step = float(random.choice([1, 1000]))
    by = step * random.integers(-FARTHEST // step, FARTHEST // step, 2)
    columns = slice(0, 2) if route.shape[1] == 3 else slice(None)
    far_route = route.copy()
    far_route[:, columns] += np.tile(by, route[:, columns].shape[1] // 2)
    far = loaded(far_route, folder)
    rows = min(len(route), len(track.waypoints)) - 1
    if np.abs(track.waypoints[:rows] - route[:rows, :2]).max() > 0:
        return "its waypoints are not those of the file"
    width = float(what.split(", ")[1].split()[0])
    if abs(track.width[1] - width) > WIDTH_TOLERANCE:
        return f"its width is {track.width[1]:.3f} m"
    return not_written(far, folder) or driven_apart(track, far, by, random)


def loaded(route: Points, folder: Path) -> Track:
    buffer = io.BytesIO()
    np.save(buffer, route)
    (folder / "route.npy").write_bytes(buffer.getvalue())
    return load_track(folder / "route.npy")


def not_written(track: Track, folder: Path) -> str | None:
    save_route(track, folder / "written.npy")
    back = load_track(folder / "written.npy")
    same = all(
        getattr(track, name).tobytes() == getattr(back, name).tobytes()
        for name in ("waypoints", "inner", "outer")
    )
    return None if same and back.digest == track.digest else "it is not read back as it was"


def driven_apart(near: Track, far: Track, by: Points, random: Random) -> str | None:
    """What differs between a road and its twin that lies ``by`` metres elsewhere."""
    one, other = (Simulator(track, CARS, (), threads=1, seed=1) for track in (near, far))
    rows = random.integers(0, len(near.waypoints) - 1, CARS)
    x, y = (near.waypoints[rows] + random.normal(0.0, 0.1, (CARS, 2))).T
    heading = random.uniform(-3.0, 3.0, CARS)
    one.place(np.arange(CARS), x, y, heading)
    other.place(np.arange(CARS), x + by[0], y + by[1], heading)
    for _ in range(STEPS):
        actions = np.column_stack([random.uniform(-30, 30, CARS), random.uniform(0.5, 4.0, CARS)])
        here, there = one.step(actions).params, other.step(actions).params
        # A car may stand as near to two places of the road, within rounding: both are right.
        certain = np.abs(here["projection_distance"] - there["projection_distance"]) < 0.01
        gap = np.abs(here["progress"].astype(float) - there["progress"])[certain]
        if certain.sum() < CARS - 2 or gap.max() > PROGRESS_TOLERANCE:
            return f"moved by {by.tolist()} m its progress differs by {gap.max():.2g} %"
        for name, shift in (("x", by[0]), ("y", by[1])):
            off = np.abs(there[name] - shift - here[name].astype(float)).max()
            if off > MILLIMETRE:
                return f"moved by {by.tolist()} m its {name} differs by {off:.2g} m"
    off = np.abs(there["waypoints"] - by - here["waypoints"]).max()
    return f"its waypoints differ by {off:.2g} m" if off > MILLIMETRE else None
