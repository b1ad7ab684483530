"""What a training is made of: settings, files, and the folder of its model.

Neighbours: ``training_command`` makes one of what the user gave; ``train`` runs it, ``checkpoints``
keeps what comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepracer_fast.config import TrainConfig
from deepracer_fast.hyperparameters import Hyperparameters
from deepracer_fast.model_folder import ModelFolder
from deepracer_fast.model_metadata import ModelMetadata
from deepracer_fast.networks import Params
from deepracer_fast.reward import Reward


@dataclass(frozen=True)
class TrainingJob:
    """All that a training is made of.

    ``pretrained``: parameters of the policy that a clone begins with, see ``clone``. ``given``:
    files that metadata, hyperparameters, reward and settings were read from.
    """

    config: TrainConfig
    metadata: ModelMetadata
    hyperparameters: Hyperparameters
    reward: Reward
    folder: ModelFolder
    pretrained: Params | None = None
    given: tuple[Path, ...] = ()


def has_teacher(job: TrainingJob) -> bool:
    """Whether a teacher goes first: not where the policy sees what a teacher sees, or can drive."""
    sees_as_much = job.metadata.sees_track_state
    return job.config.teacher and not sees_as_much and job.pretrained is None
