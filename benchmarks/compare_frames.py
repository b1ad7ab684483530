"""Compares rendered camera pictures with recorded frames of the original on reinvent_base.

In: a folder with ``frames/reinvent_base_*.png`` (160x120 RGB) and ``tracks/reinvent_base.npy``.
The pose of each frame is unknown, so it is fitted first: a coarse search over arc length, lateral
offset and heading, then a simplex search around the best candidates. Out: a table of region
medians, spread, grain and widths, real against rendered, and a PNG sheet of the pairs. With
``--model``, also how far a policy's answers to a rendered frame differ from those to the real one:
that tells whether pictures or motion are at fault when it drives worse than it did.

The lens is unknown too: the car of these frames sat lower and nose-down by a little. ``--fit-lens``
finds its height and pitch, which are then ``FRAMES_LENS``; ``--urdf-lens`` compares with the
simulator's own instead, where a dash beside its place counts as a wrong grey level.

    python benchmarks/compare_frames.py SHARED_FOLDER --sheet pairs.png --model MODEL
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion, uniform_filter
from scipy.optimize import minimize

from deepracer_fast import _core

Floats = NDArray[np.float64]
GREY_WEIGHTS = np.array([0.2989, 0.5870, 0.1140])  # rl_coach, observation_rgb_to_y_filter
COARSE_BLOCK = 4  # px; the coarse search compares pictures reduced by this factor
# Height (m) above the ground and pitch (rad) of the lens in the recorded frames, by --fit-lens:
# 1.8 mm and 0.43 degrees from the URDF's. A field of view 0.6 degrees off 1.13 rad fits worse.
FRAMES_LENS = (0.1285, 0.2693)


@dataclass(frozen=True)
class Fit:
    """Poses [B, 3] (x m, y m, heading rad) of the frames and their mean absolute error [B]."""

    poses: Floats
    errors: Floats


def load_frames(shared: Path) -> NDArray[np.uint8]:
    """Recorded frames [B, 120, 160, 3] in driving order."""
    files = sorted((shared / "frames").glob("reinvent_base_*.png"))
    if not files:
        raise SystemExit(f"no reinvent_base_*.png in {shared / 'frames'}")
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])


def to_grey(rgb: NDArray[np.uint8]) -> Floats:
    """Truncated grey levels [B, 120, 160] of frames [B, 120, 160, 3]."""
    return np.floor(rgb @ GREY_WEIGHTS + 1e-9)


@dataclass(frozen=True)
class Scene:
    """What frames are rendered from."""

    ground: "_core.Ground"
    camera: "_core.Camera"

    def render(self, poses: Floats) -> Floats:
        """Rendered pictures [B, 120, 160] of poses [B, 3]."""
        x, y, heading = np.ascontiguousarray(poses.T, dtype=np.float32)
        return np.asarray(self.camera.render(self.ground, x, y, heading), dtype=np.float64)


def candidate_poses(centre: Floats) -> Floats:
    """A grid of poses [K, 3] over the whole road: 0.1 m along, 0.1 m across, 0.09 rad."""
    steps = np.hypot(*np.diff(centre, axis=0).T)
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    along, across, turn = np.meshgrid(
        np.arange(0.0, arc[-1], 0.1), np.linspace(-0.5, 0.5, 11), np.linspace(-0.9, 0.9, 21)
    )

    def point(at: Floats) -> tuple[Floats, Floats]:
        at = np.mod(at, arc[-1])
        return np.interp(at, arc, centre[:, 0]), np.interp(at, arc, centre[:, 1])

    (x, y), (ahead_x, ahead_y) = point(along), point(along + 0.05)
    tangent = np.arctan2(ahead_y - y, ahead_x - x)
    x, y = x - across * np.sin(tangent), y + across * np.cos(tangent)
    return np.stack([x, y, tangent + turn], axis=-1).reshape(-1, 3)


def reduce(pictures: Floats) -> Floats:
    """Block means of pictures, one row of features per picture."""
    count, height, width = pictures.shape
    blocks = (count, height // COARSE_BLOCK, COARSE_BLOCK, width // COARSE_BLOCK, COARSE_BLOCK)
    return pictures.reshape(blocks).mean(axis=(2, 4)).reshape(count, -1)


def best_candidates(scene: Scene, real: Floats, poses: Floats, keep: int = 6) -> Floats:
    """The `keep` grid poses [B, keep, 3] whose pictures are nearest to each frame."""
    wanted = reduce(real)
    distances = np.empty((len(real), len(poses)))
    for start in range(0, len(poses), 2000):
        part = slice(start, start + 2000)
        features = reduce(scene.render(poses[part]))
        distances[:, part] = (features**2).sum(axis=1) - 2.0 * wanted @ features.T
    return poses[np.argsort(distances, axis=1)[:, :keep]]


def fit_poses(scene: Scene, real: Floats, starts: Floats) -> Fit:
    """Fits a pose to each grey frame [B, 120, 160] from its starts [B, K, 3].

    Errors are capped at 80 grey levels a pixel.
    """

    def error(pose: Floats, frame: Floats) -> float:
        difference = np.abs(scene.render(pose[None])[0] - frame)
        return float(np.minimum(difference, 80.0).mean())

    poses, errors = [], []
    for frame, candidates in zip(real, starts, strict=True):
        found = [descend(error, start, frame) for start in candidates]
        value, pose = min(found, key=lambda pair: pair[0])
        poses.append(pose)
        errors.append(value)
    return Fit(np.array(poses), np.array(errors))


def camera_with(height: float, pitch: float) -> "_core.Camera":
    """The car's camera, but for the height (m) and pitch (rad) of its lens."""
    params = _core.CameraParams()
    params.z, params.pitch = height, pitch
    return _core.Camera(params)


def fit_lens(scene: Scene, real: Floats, poses: Floats) -> tuple[float, float]:
    """Height and pitch of the lens with which frames [B, 120, 160] near poses [B, 3] fit best."""

    def error(lens: Floats) -> float:
        camera = camera_with(*lens)
        fit = fit_poses(Scene(scene.ground, camera), real, poses[:, None])
        return float(fit.errors.mean())

    simplex = np.array(FRAMES_LENS) + np.array([[0.0, 0.0], [0.004, 0.0], [0.0, -0.007]])
    options = {"initial_simplex": simplex, "maxfev": 30, "xatol": 2e-4, "fatol": 2e-3}
    height, pitch = minimize(error, simplex[0], method="Nelder-Mead", options=options).x
    return float(height), float(pitch)


def descend(error, start: Floats, frame: Floats) -> tuple[float, Floats]:  # type: ignore[no-untyped-def]
    """Simplex search from a pose, first 5 cm wide, then 1 cm; (error, pose)."""
    pose, value = start, np.inf
    for size in (0.05, 0.01):
        simplex = pose + size * np.vstack([np.zeros(3), np.eye(3)])
        options = {"initial_simplex": simplex, "maxfev": 150, "xatol": 2e-4, "fatol": 1e-3}
        result = minimize(error, pose, args=(frame,), method="Nelder-Mead", options=options)
        pose, value = result.x, float(result.fun)
    return value, pose


def region_masks(rgb: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
    """Interior pixels [B, 120, 160] of each region, told by the colours of the real frames."""
    red, green, blue = (rgb[..., i].astype(int) for i in range(3))
    grass = (green - blue > 15) & (green - red > 20)
    line = rgb.min(axis=-1) > 170
    first_ground = (grass | line).argmax(axis=1)[:, None, :]
    rows = np.arange(rgb.shape[1])[None, :, None]
    is_wall = rows < first_ground - 1
    masks = {
        "road": ~is_wall & (red < 80) & (blue > red + 10),
        "field": grass,
        "line": line,
        "dash": (red > 180) & (blue < 90),
        "wall lit": is_wall & (green > 45),
        "wall dim": is_wall & (green <= 45) & (green > 8),
        "wall unlit": is_wall & (green <= 8),
    }
    shape = np.ones((1, 3, 3))
    return {name: binary_erosion(mask, shape) for name, mask in masks.items()}


def grain(pictures: Floats, mask: NDArray[np.bool_]) -> float:
    """Standard deviation about the local 7x7 mean, over the nearest 40 rows of a region."""
    residual = (pictures - uniform_filter(pictures, (0, 7, 7)))[:, 80:]
    inside = binary_erosion(mask, np.ones((1, 7, 7)))[:, 80:]
    return float(residual[inside].std()) if inside.any() else float("nan")


def run_lengths(pictures: Floats, mask: NDArray[np.bool_], row: int) -> float:
    """Median length, in pixels, of the bright runs across `row` near a region's pixels."""
    near = binary_dilation(mask, np.ones((1, 7, 7)))[:, row]
    lengths = []
    for bright in (pictures[:, row] > 100.0) & near:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], bright.astype(int), [0]])))
        for start, end in edges.reshape(-1, 2):
            if start > 0 and end < bright.size:
                lengths.append(end - start)
    return float(np.median(lengths)) if lengths else float("nan")


def print_table(rgb: NDArray[np.uint8], drawn: Floats) -> None:
    """Region medians and grain, then widths of dashes by row, real against rendered."""
    real, masks = to_grey(rgb), region_masks(rgb)
    print(f"{'region':<12}{'pixels':>8}  {'median [5 %, 95 %] real':<24}{'drawn':<16}grain")
    for name, mask in masks.items():
        quantiles = [np.percentile(p[mask], (50, 5, 95)) for p in (real, drawn) if mask.any()]
        spreads = "".join("  {:>3.0f} [{:>3.0f}, {:>3.0f}]    ".format(*q) for q in quantiles)
        grains = [grain(p, mask) for p in (real, drawn)]
        print(f"{name:<12}{mask.sum():>8}{spreads}{grains[0]:>8.2f}{grains[1]:>8.2f}")
    print(f"{'whole':<12}{real.size:>8}{real.mean():>8.1f}{drawn.mean():>8.1f}  (mean)")
    for row in (45, 60, 75, 90, 105):
        widths = [run_lengths(p, masks["dash"], row) for p in (real, drawn)]
        print(f"dash across row {row:>3}: {widths[0]:5.1f} px real, {widths[1]:5.1f} px drawn")


def print_agreement(path: Path, real: Floats, drawn: Floats) -> None:
    """A discrete policy's answers to the same places, seen in the original and here."""
    from deepracer_fast.policy.model import load_model  # JAX is needed for this alone

    model = load_model(path)
    seen, here = (model.probabilities(p[..., None].astype(np.uint8)) for p in (real, drawn))
    same = np.mean(seen.argmax(axis=1) == here.argmax(axis=1))
    distance = 0.5 * np.abs(seen - here).sum(axis=1).mean()
    print(f"policy: same best action {100 * same:.0f} %, total variation distance {distance:.3f}")


def write_sheet(path: Path, real: Floats, drawn: Floats, columns: int = 4) -> None:
    """Writes the pairs, real left and drawn right, twice enlarged."""
    height, width = 2 * real.shape[1], 2 * real.shape[2]
    rows = -(-len(real) // columns)
    sheet = Image.new("L", (columns * (2 * width + 12), rows * (height + 4)), 255)
    for i, pair in enumerate(zip(real, drawn, strict=True)):
        left, top = (i % columns) * (2 * width + 12), (i // columns) * (height + 4)
        for k, picture in enumerate(pair):
            tile = Image.fromarray(picture.astype(np.uint8)).resize((width, height), 0)
            sheet.paste(tile, (left + k * (width + 2), top))
    sheet.save(path)


def main() -> None:
    """Fits, prints the table and writes the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("shared", type=Path, help="folder that holds frames/ and tracks/")
    parser.add_argument(
        "--sheet", type=Path, default=Path("compare_frames.png"), help="PNG to write"
    )
    parser.add_argument("--every", type=int, default=1, help="use every n-th frame")
    parser.add_argument("--model", type=Path, help="policy whose answers are compared")
    parser.add_argument("--urdf-lens", action="store_true", help="the simulator's own lens")
    parser.add_argument("--fit-lens", action="store_true", help="fit the frames' lens, and stop")
    arguments = parser.parse_args()
    rgb = load_frames(arguments.shared)[:: arguments.every]
    real = to_grey(rgb)
    route = np.load(arguments.shared / "tracks" / "reinvent_base.npy")
    ground = _core.Ground(route[:, :2], route[:, 2:4], route[:, 4:6], True, "reinvent")
    height, pitch = FRAMES_LENS
    urdf = arguments.urdf_lens
    scene = Scene(ground, _core.Camera() if urdf else camera_with(height, pitch))
    fit = fit_poses(scene, real, best_candidates(scene, real, candidate_poses(route[:, :2])))
    if arguments.fit_lens:
        height, pitch = fit_lens(scene, real, fit.poses)
        print(f"lens: height {height:.4f} m, pitch {pitch:.4f} rad")
        return
    print("mean absolute error by frame:", " ".join(f"{error:.1f}" for error in fit.errors))
    drawn = scene.render(fit.poses)
    print_table(rgb, drawn)
    if arguments.model:
        print_agreement(arguments.model, real, drawn)
    write_sheet(arguments.sheet, real, drawn)


if __name__ == "__main__":
    main()
