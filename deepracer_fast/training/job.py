"""What a training is made of: settings, files, and the folder of its model.

Neighbours: ``commands.train`` makes one of what the user gave; ``train`` runs it, ``checkpoints``
keeps what comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepracer_fast.checks.values import room_for
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import CAMERAS, ModelMetadata
from deepracer_fast.reward import Reward
from deepracer_fast.training.clone import Parent
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.world.sensors import PICTURE_BYTES

_CAR_BYTES = 200  # of one step of one car beside its pictures


@dataclass(frozen=True)
class TrainingJob:
    """All that a training is made of.

    ``parent``: the model that a clone begins with, see ``clone``. ``given``: files that metadata,
    hyperparameters, reward and settings were read from.
    """

    config: TrainConfig
    metadata: ModelMetadata
    hyperparameters: Hyperparameters
    reward: Reward
    folder: ModelFolder
    parent: Parent | None = None
    given: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        cameras = sum(name in CAMERAS for name in self.metadata.sensors)
        pictures = cameras * self.metadata.frame_stack
        collection = self.config.collection
        steps = 1 if collection.whole_episodes else collection.horizon + 1
        room_for(
            f"{collection.num_cars} cars over {steps} steps",
            collection.num_cars * steps * (_CAR_BYTES + pictures * PICTURE_BYTES),
        )


def has_teacher(job: TrainingJob) -> bool:
    """Whether a teacher goes first: not where the policy sees what a teacher sees, or can drive."""
    sees_as_much = job.metadata.sees_track_state
    return job.config.teacher.enabled and not sees_as_much and job.parent is None
