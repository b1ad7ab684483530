"""Training and evaluation among objects, with more sensors than one camera, from end to end."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.driving.evaluate import Driver, EvaluationOptions, drive_laps, lap_rules
from deepracer_fast.files.action_space import DiscreteActionSpace
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import LidarConfig, ModelMetadata
from deepracer_fast.policy.model import load_model
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.examples import example_reward
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.job import TrainingJob
from deepracer_fast.training.train import Training
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import Simulator

CONFIG = TrainConfig().updated(
    num_cars=2, horizon=4, steps=8, evaluate_every=9, threads=1, stop_after=0, teacher=False
)
ACTIONS = DiscreteActionSpace((-30.0, 0.0, 30.0), (4.0, 4.0, 4.0))


@pytest.mark.parametrize(
    ("sensors", "race_type", "reward", "collection"),
    [
        (("STEREO_CAMERAS", "LIDAR"), "OBJECT_AVOIDANCE", "avoid_objects", "horizon"),
        (
            ("FRONT_FACING_CAMERA", "DISCRETIZED_SECTOR_LIDAR"),
            "HEAD_TO_BOT",
            "pass_bot_cars",
            "episodes",
        ),
    ],
)
def test_a_model_is_trained_and_acts(
    tmp_path: Path, sensors: tuple[str, ...], race_type: str, reward: str, collection: str
) -> None:
    lidar = LidarConfig(4, 3, 1.5) if "DISCRETIZED_SECTOR_LIDAR" in sensors else None
    job = TrainingJob(
        CONFIG.updated(race=RaceConfig(race_type), collection=collection),
        ModelMetadata(ACTIONS, sensors, lidar=lidar),
        Hyperparameters(batch_size=8, num_epochs=1, num_episodes_between_training=2),
        load_reward(example_reward(reward)),
        ModelFolder(tmp_path / "model"),
    )
    reports: list[Any] = []
    Training.open(job, resume=False).run(reports.append)
    assert reports[-1].steps == 8 or collection == "episodes"
    assert np.isfinite(reports[-1].measures["policy_loss"])
    assert f'RACE_TYPE: "{race_type}"' in job.folder.training_params.read_text().replace("'", '"')
    simulator = Simulator("reinvent_base", 2, sensors, 1, lidar=lidar or LidarConfig())
    commands = load_model(job.folder.archive).act(simulator.reset().observation)
    assert commands.shape == (2, 2)


def test_crashes_of_a_lap_are_counted_and_cost_their_penalty() -> None:
    """Straight on from the line: into the boxes, the border, and so on round the lap."""
    driver = Driver(lambda observation: np.array([[0.0, 2.0]]), ACTIONS)
    options = EvaluationOptions(
        off_track_penalty=0.0, race=RaceConfig("OBJECT_AVOIDANCE", collision_penalty=2.0)
    )
    plain = type("Plain", (), {"to_commands": staticmethod(lambda action: action)})
    driver = replace(driver, action_space=plain)
    simulator = Simulator("reinvent_base", 1, (), 1, rules=lap_rules(options))
    lap = drive_laps(driver, simulator, 1)[0][0]
    assert lap.crash_count > 0
    assert lap.reset_count >= lap.crash_count - 1  # the last one ends the attempt
    assert lap.lap_time_seconds > 2.0 * (lap.crash_count - 1)
    assert lap.metrics(1).crash_count == lap.crash_count
