"""The smallest training there is: two cars, four steps an iteration.

All tests that train share its shapes, so that the networks are compiled once. Where greedy laps are
not the point they are made up.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.driving.evaluate import Lap
from deepracer_fast.files.action_space import DiscreteActionSpace
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.policy.model import load_model
from deepracer_fast.reward import load_reward
from deepracer_fast.training import evaluation as training_evaluation
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.iterations import Report
from deepracer_fast.training.job import TrainingJob
from deepracer_fast.training.train import Training

CONFIG = TrainConfig().updated(
    num_cars=2, horizon=4, steps=16, evaluate_every=2, threads=1, stop_after=0, teacher=False
)
HYPERPARAMETERS = Hyperparameters(batch_size=8, num_epochs=1, num_episodes_between_training=2)
# Fast, so that untrained cars leave the track soon.
METADATA = ModelMetadata(DiscreteActionSpace((-30.0, 0.0, 30.0), (4.0, 4.0, 4.0)))
REWARD = "def reward_function(params):\n    return 1.0 - params['distance_from_center']\n"


def job_in(path: Path, reward: str = REWARD, **config: Any) -> TrainingJob:
    return TrainingJob(
        CONFIG.updated(**config),
        METADATA,
        HYPERPARAMETERS,
        load_reward(reward),
        ModelFolder(path / "model folder"),
    )


def run(job: TrainingJob, resume: bool = False) -> list[Report]:
    shown: list[Report | str] = []
    Training.open(job, resume).run(shown.append)
    return [each for each in shown if isinstance(each, Report)]


def lap_of(completion: float) -> Lap:
    status = "lap_complete" if completion == 100.0 else "off_track"
    return Lap(completion, 10.0, int(completion < 100.0), 150, status)


def make_up_laps(monkeypatch: pytest.MonkeyPatch, *completions: float) -> None:
    """One mean completion an evaluation; the last one for all later ones."""
    coming = list(completions)

    def drive_laps(*_: Any, **__: Any) -> list[list[Lap]]:
        completion = coming.pop(0) if len(coming) > 1 else coming[0]
        return [[lap_of(completion)] for _ in range(5)]

    monkeypatch.setattr(training_evaluation, "drive_laps", drive_laps)


def copy_of(trained: tuple[TrainingJob, list[Report]], path: Path, **config: Any) -> TrainingJob:
    shutil.copytree(trained[0].folder.path, path / "model folder")
    return job_in(path, **config)


def last_checkpoint(job: TrainingJob) -> int:
    records = job.folder.recorded_checkpoints()
    assert records is not None
    return records[0].checkpoint.iteration


def policy_of(job: TrainingJob, checkpoint: str = "last") -> list[bytes]:
    params = load_model(job.folder.path, checkpoint).params
    return [np.asarray(w).tobytes() for layer in params.values() for w in _leaves(layer)]


def _leaves(tree: Any) -> list[Any]:
    if not isinstance(tree, dict):
        return [tree]
    return [leaf for key in sorted(tree) for leaf in _leaves(tree[key])]


def assert_usable(job: TrainingJob) -> None:
    """The folder and its archive load, and agree."""
    picture = np.full((1, 120, 160, 1), 90, np.uint8)
    from_folder = load_model(job.folder.path).probabilities(picture)
    from_archive = load_model(job.folder.archive).probabilities(picture)
    np.testing.assert_allclose(from_folder, from_archive, atol=1e-6)
    assert job.folder.training_plot.stat().st_size > 1000
