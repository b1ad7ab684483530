"""Car-steps a second of the simulator, with and without camera, beside its peers and its limits.

Cars drive with random actions of the lab's first model, a new one each step, and begin anew at
random places, through ``Simulator.step``: what a training does, but for the policy. Rates "per
core" are car-steps per second of processor time of the whole process; the others are wall-clock.
Cases that are compared take turns, ``--repeats`` times, and each figure is the median; the spread
is the range of the repeats over the median. Out: tables, and with ``--json FILE`` every figure
under a plain name (``speed_table.py`` puts such files into the guide).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast import _core
from deepracer_fast.files.atomic import atomic_write_text
from deepracer_fast.tracks.track import Track, load_track, track_names
from deepracer_fast.world.simulator import RaceRules, Simulator

TRACK = "reinvent_base"
CAMERA = ("FRONT_FACING_CAMERA",)
CAR_COUNTS = (64, 256, 1024, 4096, 16384)
WARM_UP_STEPS = 20
ACTION_ROWS = 16  # action arrays that take turns, drawn before the clock starts


@dataclass
class Case:
    """One simulator under load and what was measured of it."""

    simulator: Simulator
    per_core: list[float] = field(default_factory=list)  # car-steps / s of processor time
    rates: list[float] = field(default_factory=list)  # car-steps / s of wall-clock
    step: int = 0

    def __post_init__(self) -> None:
        random = np.random.default_rng(0)
        shape = (ACTION_ROWS, self.simulator.num_cars)
        steering = random.choice([-30.0, -15.0, 0.0, 15.0, 30.0], shape)
        speed = random.choice([0.33, 0.67, 1.0], shape)
        self.actions: npt.NDArray[np.float32] = np.stack([steering, speed], -1).astype(np.float32)
        self.drive(WARM_UP_STEPS)

    def drive(self, steps: int) -> None:
        """Steps all cars."""
        for _ in range(steps):
            self.step = (self.step + 1) % ACTION_ROWS
            self.simulator.step(self.actions[self.step])

    def measure(self, seconds: float) -> None:
        """One repeat; looks at the clock about every 10 ms."""
        steps = max(1, int(0.01 * (self.rates[-1] if self.rates else 5e4) / len(self.actions[0])))
        done, wall, processor = 0, time.perf_counter(), time.process_time()
        # A processor clock that ticks every few milliseconds may stand still in a short repeat.
        # On a busy one a short repeat is over before it begins.
        while done == 0 or time.perf_counter() - wall < seconds or time.process_time() == processor:
            self.drive(steps)
            done += steps * self.simulator.num_cars
        self.per_core.append(done / (time.process_time() - processor))
        self.rates.append(done / (time.perf_counter() - wall))


def make_case(
    camera: bool,
    cars: int,
    threads: int = 1,
    track: str | Track = TRACK,
    instruction_set: str = "",
) -> Case:
    """Cars with the rules of a training."""
    return Case(
        Simulator(
            track,
            cars,
            sensors=CAMERA if camera else (),
            threads=threads,
            rules=RaceRules(random_start=True),
            instruction_set=instruction_set,
        )
    )


def measure_in_turn(cases: dict[str, Case], options: argparse.Namespace) -> dict[str, Case]:
    """Measures cases that are to be compared."""
    for _ in range(options.repeats):
        for case in cases.values():
            case.measure(options.seconds)
    return cases


def spread(values: list[float]) -> float:
    """Range of the repeats over their median."""
    return (max(values) - min(values)) / statistics.median(values)


def main() -> None:
    """Measures, prints, and writes the file that was asked for."""
    options = parse_options()
    figures = about_this_machine()
    for part in (rates, scaling_with_cars, scaling_with_threads, tracks, paths, overhead, limits):
        found = part(options)
        figures |= found
        print_part(part.__doc__, found)
    if not options.no_peers:
        found = peers(options, figures["car_steps_per_second_per_core"])
        figures |= found
        print_part(peers.__doc__, found)
    if options.json:
        atomic_write_text(options.json, json.dumps(figures, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cars", type=int, default=1024, help="but in the table of numbers of cars"
    )
    parser.add_argument("--threads", type=int, default=1, help="in the main rates")
    parser.add_argument("--seconds", type=float, default=0.3, help="per repeat of a case")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--largest", type=int, default=CAR_COUNTS[-1], help="leave out tables of more cars"
    )
    parser.add_argument("--no-peers", action="store_true", help="measure this simulator alone")
    parser.add_argument(
        "--peer-python",
        metavar="PATH",
        default=sys.executable,
        help="a Python that has the peers (gymnasium[box2d], envpool); default: this one",
    )
    return parser.parse_args()


def about_this_machine() -> dict[str, Any]:
    """Where and of what the figures are."""
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=10"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    return {
        "machine": processor_name(),
        "cores": os.cpu_count(),
        "instruction_set": _core.instruction_sets()[0],
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit or None,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def processor_name() -> str:
    """As Linux knows it, or what Python knows."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    found = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)
    }
    if "model name" not in found:
        return platform.processor() or platform.machine()
    return f"{found['model name']}, family {found['cpu family']} model {found['model']}"


def loads(**arguments: Any) -> dict[str, Case]:
    """The two loads under the names that their figures begin with."""
    return {"": make_case(True, **arguments), "no_camera_": make_case(False, **arguments)}


def rates(options: argparse.Namespace) -> dict[str, Any]:
    """Car-steps a second: physics, rules and all reward params; with the camera and without."""
    cases = measure_in_turn(loads(cars=options.cars, threads=options.threads), options)
    found: dict[str, Any] = {"cars": options.cars, "threads": options.threads}
    for name, case in cases.items():
        found[f"{name}car_steps_per_second_per_core"] = round(statistics.median(case.per_core))
        found[f"{name}car_steps_per_second"] = round(statistics.median(case.rates))
        found[f"{name}spread"] = round(spread(case.per_core), 3)
    found["bytes_per_car"] = cases[""].simulator.bytes_per_car
    return found


def scaling_with_cars(options: argparse.Namespace) -> dict[str, Any]:
    """Car-steps a second and core by number of cars on one thread; the dearest over the best."""
    found: dict[str, Any] = {}
    for name, camera in (("", True), ("no_camera_", False)):
        cases = {
            str(cars): make_case(camera, cars=cars)
            for cars in CAR_COUNTS
            if cars <= options.largest
        }
        measure_in_turn(cases, options)
        by_cars = {key: round(statistics.median(case.per_core)) for key, case in cases.items()}
        found[f"{name}car_steps_per_second_per_core_by_cars"] = by_cars
        found[f"{name}dearest_over_best_by_cars"] = round(
            max(by_cars.values()) / min(by_cars.values()), 3
        )
    return found


def scaling_with_threads(options: argparse.Namespace) -> dict[str, Any]:
    """Wall-clock car-steps a second by number of threads, and two threads over one."""
    counts = [1, *(n for n in (2, 4, 8, 16, 32, 64) if n <= (os.cpu_count() or 1))]
    found: dict[str, Any] = {}
    for name, camera in (("", True), ("no_camera_", False)):
        cases = {str(n): make_case(camera, options.cars, threads=n) for n in counts}
        measure_in_turn(cases, options)
        by_threads = {key: round(statistics.median(case.rates)) for key, case in cases.items()}
        found[f"{name}car_steps_per_second_by_threads"] = by_threads
        if "2" in cases:
            pairs = zip(cases["2"].rates, cases["1"].rates, strict=True)
            found[f"{name}two_threads_over_one"] = round(
                statistics.median(two / one for two, one in pairs), 3
            )
    return found


def tracks(options: argparse.Namespace) -> dict[str, Any]:
    """Car-steps a second and core by track, dearest over shortest; memory of a track."""
    known = sorted((load_track(name) for name in track_names()), key=lambda track: track.length)
    chosen = {track.name: track for track in (known[0], known[-1])}
    chosen["100 m, 1,000 waypoints"] = winding_track()
    found: dict[str, Any] = {}
    bytes_of_track = {}
    for name, camera in (("", True), ("no_camera_", False)):
        cases = {key: make_case(camera, options.cars, track=track) for key, track in chosen.items()}
        measure_in_turn(cases, options)
        by_track = {key: round(statistics.median(case.per_core)) for key, case in cases.items()}
        bytes_of_track = {key: case.simulator.bytes_of_track for key, case in cases.items()}
        found[f"{name}car_steps_per_second_per_core_by_track"] = by_track
        found[f"{name}longest_over_shortest_track"] = round(
            by_track[known[0].name] / by_track["100 m, 1,000 waypoints"], 3
        )
    found["bytes_of_track"] = bytes_of_track
    return found


def winding_track(length: float = 100.0, waypoints: int = 1000) -> Track:
    """A closed road 1 m wide that winds around a circle."""
    angle = np.linspace(0, 2 * np.pi, waypoints)
    radius = 1 + 0.12 * np.sin(9 * angle)
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    center = radius[:, None] * unit
    center *= length / np.linalg.norm(np.diff(center, axis=0), axis=1).sum()
    along = np.gradient(center, axis=0)
    along[0] = along[-1] = along[0] + along[-1]
    left = np.column_stack([-along[:, 1], along[:, 0]])
    left *= 0.5 / np.linalg.norm(left, axis=1, keepdims=True)
    return Track("winding", "", "speedway", center, center + left, center - left, is_loop=True)


def paths(options: argparse.Namespace) -> dict[str, Any]:
    """Car-steps a second and core by instruction set; all compute the same bytes."""
    found: dict[str, Any] = {}
    for name, camera in (("", True), ("no_camera_", False)):
        cases = {
            key: make_case(camera, options.cars, instruction_set=key)
            for key in _core.instruction_sets()
        }
        measure_in_turn(cases, options)
        found[f"{name}car_steps_per_second_per_core_by_instruction_set"] = {
            key: round(statistics.median(case.per_core)) for key, case in cases.items()
        }
    return found


def overhead(options: argparse.Namespace) -> dict[str, Any]:
    """Microseconds that Simulator.step in Python adds to the core's step."""
    found: dict[str, Any] = {}
    for cars in (1, 1024):
        case = make_case(False, cars=cars)
        actions = case.actions[0]
        calls = max(10, 40_000 // cars)
        gaps = []
        for _ in range(options.repeats):
            whole = seconds_of(lambda: case.simulator.step(actions), calls)  # noqa: B023
            core = seconds_of(lambda: case.simulator._core.step(actions), calls)  # noqa: B023
            gaps.append(whole - core)
        found[f"python_microseconds_a_step_{cars}_cars"] = round(1e6 * statistics.median(gaps), 2)
    return found


def seconds_of(call: Any, times: int) -> float:
    """Processor seconds of one call, of at least so many."""
    start, done = time.process_time(), 0
    while done < times or time.process_time() == start:
        call()
        done += 1
    return (time.process_time() - start) / done


def limits(options: argparse.Namespace) -> dict[str, Any]:
    """What this machine can do at best on one core: bytes written."""
    pictures = np.empty((1024, 120, 160), np.uint8)
    written = [
        pictures.nbytes / seconds_of(lambda: pictures.fill(7), 10) for _ in range(options.repeats)
    ]
    return {"bytes_written_per_second": round(statistics.median(written))}


def peers(options: argparse.Namespace, own_rate: float) -> dict[str, Any]:
    """Other simulators on one core, and how many times as fast the camera load is here."""
    command = [options.peer_python, str(Path(__file__).with_name("peers.py"))]
    command += ["--seconds", str(options.seconds), "--repeats", str(options.repeats)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, Any] = {}
    for name, peer in json.loads(done.stdout.splitlines()[-1]).items():
        found[f"{name}_version"] = peer.get("version")
        if "error" in peer:
            found[f"{name}_missing"] = peer["error"]
            continue
        rate = peer["steps_per_second_per_core"]
        found[f"{name}_steps_per_second_per_core"] = round(rate, 1)
        found[f"ratio_to_{name}"] = round(own_rate / rate, 1)
    return found


def print_part(title: str | None, figures: dict[str, Any]) -> None:
    """One part's figures, a line each."""
    print(f"\n{title}")
    for name, value in figures.items():
        if isinstance(value, dict):
            value = "   ".join(f"{key}: {number:,}" for key, number in value.items())
        print(f"  {name:56} {value:,}" if isinstance(value, int | float) else f"  {name}  {value}")


if __name__ == "__main__":
    main()
