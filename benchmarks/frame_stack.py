"""What a stack of frames costs: a training's iterations with k frames and with one, in turns.

Real cars on a track, the default network, cars, horizon and value function; no teacher and no
evaluation. CPU seconds count all threads, so that other work on the machine hardly matters; medians
over the rounds. Out: a table.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

from deepracer_fast import _core
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.learning.hosts import ALONE
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.examples import example_reward
from deepracer_fast.training.cars import TrainingCars, learner_of
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.course import Course
from deepracer_fast.training.inputs import FIRST_HYPERPARAMETERS, FIRST_MODEL
from deepracer_fast.training.job import TrainingJob


class Trainee:
    """One training that can be timed iteration by iteration."""

    def __init__(self, frames: int) -> None:
        job = TrainingJob(
            TrainConfig(),
            replace(FIRST_MODEL, frame_stack=frames),
            FIRST_HYPERPARAMETERS,
            load_reward(example_reward("progress")),
            ModelFolder(Path("never written")),
        )
        self._learner = learner_of(job, ALONE)
        self._cars = TrainingCars(job, Course(job.config, job.metadata), ALONE, 0)
        self._iterate()  # compiles
        self.seconds: list[tuple[float, float]] = []
        self.megabytes = 0.0

    def measure(self) -> None:
        """One more iteration."""
        self.seconds.append(self._iterate())

    def _iterate(self) -> tuple[float, float]:
        """CPU seconds of collecting and of the update."""
        begun = time.process_time()
        rollout = self._cars.collect(self._learner.explore)
        collected = time.process_time()
        self._learner.learn(rollout)
        self.megabytes = sum(array.nbytes for array in rollout.observation.values()) / 1e6
        return collected - begun, time.process_time() - collected

    def medians(self) -> list[float]:
        """Of collecting, of the update, and of both."""
        rows = [(*each, sum(each)) for each in self.seconds]
        return [statistics.median(column) for column in zip(*rows, strict=True)]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[2, 3, 4], choices=(2, 3, 4))
    parser.add_argument("--rounds", type=int, default=3, help="measured iterations of each")
    options = parser.parse_args()
    _core.tune_allocator()  # as the command line does
    trainees = {frames: Trainee(frames) for frames in (1, *options.frames)}
    for _ in range(options.rounds):
        for trainee in trainees.values():
            trainee.measure()
    one = trainees[1].medians()
    print(f"{'frames':<8}{'collecting':>18}{'update':>18}{'both':>18}{'pictures, MB':>14}")
    for frames, trainee in trainees.items():
        parts = [
            f"{seconds:9.2f} s ({seconds / single:.2f})"
            for seconds, single in zip(trainee.medians(), one, strict=True)
        ]
        print(f"{frames:<8}{''.join(f'{part:>18}' for part in parts)}{trainee.megabytes:14.0f}")


if __name__ == "__main__":
    main()
