"""How far a policy trained by the original drives here, greedy, before it first leaves the track.

In: a model (archive, graph or folder) and a track. Out: the share of a lap driven from each of
evenly spaced standing starts, their mean, and with ``--json`` the same figures for a machine. The
pictures alone are compared by ``compare_frames.py --model``.

    python benchmarks/genuine_policy.py SHARED/models/genuine_discrete12 --track reinvent_base
"""

import argparse
import json
from pathlib import Path

from deepracer_fast.driving.evaluate import Driver, drive_laps
from deepracer_fast.policy.model import Model, load_model
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.simulator import RaceRules, Simulator

MAX_STEPS = 1500  # 100 s of simulated time; a lap takes this policy 15 to 20 s


def progress_by_start(
    model: Model, track: Track | str | Path, starts: int = 20, car_version: int = 4
) -> list[float]:
    """Percent of a lap, at most 100, from each standing start on the centre line."""
    simulator = Simulator(
        track,
        num_cars=starts,
        sensors=model.metadata.sensors,
        car_version=car_version,
        rules=RaceRules(round_robin_advance_dist=1.0 / starts, max_steps=MAX_STEPS),
    )
    driver = Driver(model.best_action, model.metadata.action_space)
    laps = drive_laps(driver, simulator, laps=1)
    return [lap.completion_percentage for (lap,) in laps]


def main() -> None:
    """Drives and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path, help="model.tar.gz, frozen graph or model folder")
    parser.add_argument("--track", default="reinvent_base", help="bundled name or route .npy")
    parser.add_argument("--starts", type=int, default=20, help="evenly spaced starts")
    parser.add_argument("--car-version", type=int, default=4, help="3 to 6")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    progress = progress_by_start(
        load_model(arguments.model), arguments.track, arguments.starts, arguments.car_version
    )
    figures = {
        "track": str(arguments.track),
        "car_version": arguments.car_version,
        "progress_percent": [round(share, 1) for share in progress],
        "mean_progress_percent": round(sum(progress) / len(progress), 1),
        "whole_laps": sum(share >= 100.0 for share in progress),
    }
    for start, share in enumerate(progress):
        print(f"start at {100 * start / len(progress):5.1f} %: {share:5.1f} % of a lap")
    print(f"mean {figures['mean_progress_percent']} %, {figures['whole_laps']} whole laps")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
