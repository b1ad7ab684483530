"""The camera: fast pictures against an exact slow twin, all paths alike, and the recorded frames.

The twin casts rays from the geometry alone (a straight road, so that a surface is a comparison of
coordinates), at the original's 640x480, and reduces the picture as Pillow does. Neighbours:
csrc/rendering/camera.h, csrc/rendering/ground.h; benchmarks/compare_frames.py fits the recorded
frames.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deepracer_fast import _core

Floats = NDArray[np.float64]

# Camera and appearance as in the fact sources: URDF racecar.gazebo, meshes/reinvent.
HFOV, PITCH, LENS_X, LENS_Z = 1.13, 0.2618, 0.14529, 0.13033
# Greys are those below the lamp; it hangs 15 m above the world's origin.
ROAD, FIELD, LINE, DASH = 52.0, 133.8, 250.4, 166.2
LAMP_HEIGHT, LAMP_SHARE = 15.0, 0.47
WALL_FOOT, WALL_GAIN = np.array([22.5, 57.0, 51.0, 0.0]), np.array([2.5, 9.5, 8.0, 0.0])
HALF_WIDTH, LINE_WIDTH, MARGIN, WALL_HEIGHT, SKY = 0.381, 0.076, 0.3, 1.5, 178.0
LINE_OVERHANG = 0.005  # beyond the border, in the frames of reinvent_base
LENGTH = 9.0


def straight_ground(length: float = LENGTH) -> "_core.Ground":
    """An open road along +x from 0 to its length; its field reaches MARGIN further on all sides."""
    x = np.linspace(0.0, length, 19)
    centre, inner, outer = (
        np.stack([x, np.full_like(x, y)], 1) for y in (0, HALF_WIDTH, -HALF_WIDTH)
    )
    return _core.Ground(centre, inner, outer, False, "reinvent")


def surface(x: Floats, y: Floats) -> Floats:
    """Grey of the straight ground at points."""
    is_road = (np.abs(y) < HALF_WIDTH) & (x > 0.0) & (x < LENGTH)
    is_dash = is_road & (np.abs(y) < 0.013) & (x > 0.05) & (np.mod(x - 0.05, 0.102) < 0.051)
    outer = HALF_WIDTH + LINE_OVERHANG
    is_line = (np.abs(y) > HALF_WIDTH - LINE_WIDTH) & (np.abs(y) < outer) & (x > 0.0) & (x < LENGTH)
    return lamp_light(x, y) * np.select([is_dash, is_line, is_road], [DASH, LINE, ROAD], FIELD)


def lamp_light(x: Floats, y: Floats) -> Floats:
    """Light at ground points, 1 at the origin: a lamp of LAMP_SHARE of the sun's light."""
    lamp = (1.0 + (x**2 + y**2) / LAMP_HEIGHT**2) ** -1.5
    return (1.0 + LAMP_SHARE * lamp) / (1.0 + LAMP_SHARE)


def cast(x: float, y: float, heading: float, detail: int = 2) -> Floats:
    """Greys [480, 640] of the original's frame, each the mean of detail x detail rays."""
    width, height = 640 * detail, 480 * detail
    focal = 0.5 * width / np.tan(0.5 * HFOV)
    u = (np.arange(width) + 0.5 - 0.5 * width) / focal
    v = ((np.arange(height) + 0.5 - 0.5 * height) / focal)[:, None]
    ahead, down = np.cos(PITCH) - v * np.sin(PITCH), np.sin(PITCH) + v * np.cos(PITCH)
    c, s = np.cos(heading), np.sin(heading)
    ray_x, ray_y = ahead * c + u * s, ahead * s - u * c
    lens_x, lens_y = x + LENS_X * c, y + LENS_X * s
    reach_y = HALF_WIDTH + MARGIN
    sides = [(-MARGIN - lens_x, ray_x), (reach_y - lens_y, ray_y)]
    sides += [(LENGTH + MARGIN - lens_x, ray_x), (-reach_y - lens_y, ray_y)]
    times = np.stack([np.where(gap / ray > 0.0, gap / ray, np.inf) for gap, ray in sides])
    time, side = times.min(axis=0), times.argmin(axis=0)
    level = LENS_Z - time * down
    wall = np.where(level > WALL_HEIGHT, SKY, WALL_FOOT[side] + WALL_GAIN[side] * level)
    ground_time = LENS_Z / np.maximum(down, 1e-9)
    ground = surface(lens_x + ground_time * ray_x, lens_y + ground_time * ray_y)
    greys = np.where(level < 0.0, ground, wall)
    return greys.reshape(480, detail, 640, detail).mean(axis=(1, 3))


def reduce_to_quarter(picture: Floats) -> Floats:
    """Pillow's BILINEAR reduction by 4: a triangle of 4 source pixels to each side, normalised."""
    for axis in (0, 1):
        size = picture.shape[axis]
        gaps = np.abs((np.arange(size // 4)[:, None] * 4 + 2) - (np.arange(size) + 0.5)[None])
        weights = np.maximum(0.0, 1.0 - gaps / 4.0)
        weights /= weights.sum(axis=1, keepdims=True)
        picture = np.moveaxis(np.tensordot(weights, picture, axes=(1, axis)), 0, axis)
    return picture


def render(ground: "_core.Ground", poses: Floats, path: str = "") -> NDArray[np.uint8]:
    """Pictures [B, 120, 160] of poses [B, 3]."""
    x, y, heading = np.ascontiguousarray(poses.T, dtype=np.float32)
    return _core.Camera().render(ground, x, y, heading, path=path)


def random_poses(count: int) -> Floats:
    """Poses anywhere in the room of the straight ground, lens included, heading anywhere."""
    draw = np.random.default_rng(3).random((count, 3))
    return draw * [LENGTH - 0.6, 0.8, 2.0 * np.pi] + [0.3, -0.4, 0.0]


@pytest.mark.parametrize(
    "pose",
    [(1.0, 0.0, 0.0), (3.0, 0.1, 0.3), (5.0, -0.2, -0.6), (4.0, 0.0, 1.5), (7.5, 0.1, 3.3)],
)
def test_picture_agrees_with_rays_cast_from_the_geometry(pose: tuple[float, float, float]) -> None:
    exact = reduce_to_quarter(cast(*pose))
    drawn = render(straight_ground(), np.array([pose]))[0].astype(float)
    difference = drawn - (exact - 0.5)  # the picture is truncated
    # Grain and the blur of a texel at an edge, no more: an edge one pixel off would fail this.
    assert np.abs(difference).mean() < 5.0
    assert np.mean(np.abs(difference) > 40.0) < 0.012
    assert abs(difference.mean()) < 1.0


def test_horizon_is_where_the_pitch_puts_it() -> None:
    picture = render(straight_ground(), np.array([[0.2, 0.0, 0.0]]))[0]
    focal = 80.0 / np.tan(0.5 * HFOV)
    foot = 60.0 - focal * np.tan(PITCH - np.arctan2(LENS_Z, LENGTH + MARGIN - 0.2 - LENS_X))
    end_wall, ground = picture[int(foot) - 2, 80], picture[int(foot) + 3, 80]
    assert abs(float(end_wall) - WALL_FOOT[2]) < 3.0
    assert ground > end_wall + 10


def test_every_path_paints_the_same_bytes() -> None:
    ground, poses = straight_ground(), random_poses(64)
    wanted = render(ground, poses, "portable")
    for path in _core.instruction_sets():
        np.testing.assert_array_equal(render(ground, poses, path), wanted, err_msg=path)


@pytest.mark.parametrize("path", _core.instruction_sets())
def test_a_picture_does_not_depend_on_the_one_before(path: str) -> None:
    """At any pitch: the first row below the horizon may be made of one scanline, or of several."""
    along_the_road = np.array([2.0, 0.0, 0.0])
    others = np.array([[0.0, 0.0, 0.0], [38.0, 0.6, 3.1], [20.0, -0.5, 1.0]]) + along_the_road
    ground = straight_ground(60.0)
    for pitch in np.linspace(0.2, 0.35, 31):
        params = _core.CameraParams()
        params.pitch = pitch
        camera = _core.Camera(params)
        pictures = []
        for before in others:
            x, y, heading = np.array([before, along_the_road], np.float32).T.copy()
            pictures.append(camera.render(ground, x, y, heading, path=path)[1])
        for picture in pictures[1:]:
            np.testing.assert_array_equal(picture, pictures[0], f"pitch {pitch:.3f}")


def test_unknown_path_is_refused() -> None:
    with pytest.raises(ValueError, match="instruction set must be"):
        render(straight_ground(), random_poses(1), "abacus")


def test_lens_beyond_the_walls_still_sees_the_room() -> None:
    poses = np.array([[-30.0, 0.0, 0.0], [4.0, 50.0, 2.0], [1e6, -1e6, -3.0]])
    assert render(straight_ground(), poses).shape == (3, 120, 160)


def test_mirrored_pose_gives_mirrored_picture() -> None:
    left, right = render(straight_ground(), np.array([[3.0, 0.1, 0.2], [3.0, -0.1, -0.2]]))
    lower = np.s_[60:]  # above, the two side walls differ in light
    difference = left[lower].astype(float) - right[lower, ::-1]
    assert np.mean(np.abs(difference) > 40.0) < 0.005


@pytest.mark.parametrize("look", ["reinvent", "oval", "speedway"])
def test_lines_lie_inside_or_outside_the_borders_by_look(look: str) -> None:
    x = np.linspace(0.0, LENGTH, 10)
    lines = [np.stack([x, np.full_like(x, y)], 1) for y in (0.0, HALF_WIDTH, -HALF_WIDTH)]
    ground = _core.Ground(*lines, False, look)
    picture = render(ground, np.array([[4.0, 0.0, 0.0]]))[0]
    focal = 80.0 / np.tan(0.5 * HFOV)
    row = 45  # the ground point of column c there lies (c + 0.5 - 80) * step to the right
    v = (row + 0.5 - 60.0) / focal
    step = LENS_Z / focal / (np.sin(PITCH) + v * np.cos(PITCH))
    bright = np.flatnonzero(picture[row] > 180)
    offsets = np.abs(bright + 0.5 - 80.0) * step
    inner_edge = HALF_WIDTH if look == "oval" else HALF_WIDTH - LINE_WIDTH
    assert abs(offsets.min() - inner_edge) < 1.5 * step
    assert abs(offsets.max() - (inner_edge + LINE_WIDTH)) < 1.5 * step


def test_start_line_lies_across_the_road_of_the_speedways_alone() -> None:
    """Seen from 1.1 m before it: a chequered band, half as bright as a white one."""
    x = np.linspace(0.0, LENGTH, 10)
    lines = [np.stack([x, np.full_like(x, y)], 1) for y in (0.0, 0.53, -0.53)]
    focal = 80.0 / np.tan(0.5 * HFOV)
    row = int(60.0 + focal * np.tan(np.arctan2(LENS_Z, 1.1 - LENS_X) - PITCH))
    bright = {}
    for look in ("reinvent", "oval", "speedway"):
        picture = render(_core.Ground(*lines, False, look), np.array([[-1.1, 0.0, 0.0]]))[0]
        bright[look] = np.mean(picture[row - 3 : row + 3, 60:100] > 160)
    assert 0.3 < bright["speedway"] < 0.7
    assert max(bright["reinvent"], bright["oval"]) < 0.2


def test_unknown_look_and_uneven_borders_are_refused() -> None:
    line = np.stack([np.arange(4.0), np.zeros(4)], 1)
    with pytest.raises(ValueError, match="look must be"):
        _core.Ground(line, line + 1, line - 1, False, "moon")
    with pytest.raises(ValueError, match=r"outer must have shape \(3, 2\), got \(4, 2\)"):
        _core.Ground(line, line[:3] + 1, line - 1, False, "oval")


def test_ground_darkens_with_distance_from_the_lamp() -> None:
    """As the field of recorded frames does: 132 beside the origin, 118 at 8.5 m from it."""
    poses = np.array([[0.3, 0.0, np.pi / 2], [8.3, 0.0, np.pi / 2]])
    near, far = render(straight_ground(), poses)[:, 66:76, 20:140].reshape(2, -1)  # field alone
    assert abs(np.mean(near) - FIELD) < 2.0
    wanted = lamp_light(np.array(8.3), np.array(0.3)) / lamp_light(np.array(0.3), np.array(0.3))
    assert abs(np.mean(far) / np.mean(near) - wanted) < 0.005


def test_greys_of_recorded_frames_are_met(shared: Path) -> None:
    """Medians by region at one pose of the straight; the whole fit is in compare_frames.py."""
    route = np.load(shared / "tracks" / "reinvent_base.npy")
    ground = _core.Ground(route[:, :2], route[:, 2:4], route[:, 4:6], True, "reinvent")
    picture = render(ground, np.array([[3.0, 0.683, 0.0]]))[0].astype(float)
    frame = picture[95:, 20:60]
    assert abs(np.median(frame) - 48.0) < 5.0  # road
    assert abs(np.median(picture[:20, 20:60]) - 56.0) < 8.0  # lit wall
    assert 1.5 < frame.std() < 8.0  # carpet grain


def test_ground_of_a_large_track_stays_below_64_megabytes() -> None:
    turn = np.linspace(0.0, 2.0 * np.pi, 1000)
    centre, inner, outer = (
        np.stack([(20.0 + d) * np.cos(turn), (11.0 + d) * np.sin(turn)], 1) for d in (0, -0.5, 0.5)
    )
    ground = _core.Ground(centre, inner, outer, True, "speedway")
    assert ground.bytes < 64e6
    assert ground.texel < 0.01


def test_each_car_gets_its_own_picture() -> None:
    """Cars are painted in the order of the track, not in that of their numbers."""
    x = np.linspace(0.0, LENGTH, 19)
    lines = [np.stack([x, np.full_like(x, y)], 1) for y in (0, HALF_WIDTH, -HALF_WIDTH)]
    options = _core.SimulatorOptions()
    options.num_cars = options.cars_in_batch = 16
    options.threads = 3
    simulator = _core.Simulator(_core.Track(*lines, False), straight_ground(), options)
    places = random_poses(16).astype(np.float32)
    x, y, heading = np.ascontiguousarray(places.T)
    simulator.place(np.arange(16, dtype=np.int32), x, y, heading, np.zeros(16, np.float32))
    simulator.step(np.tile(np.float32([0.0, 1.0]), (16, 1)))
    poses = simulator.vehicle_states()[:, :3]
    wanted = render(straight_ground(), poses)
    np.testing.assert_array_equal(simulator.pictures[..., 0], wanted)
