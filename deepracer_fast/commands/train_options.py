"""The options of ``deepracer-fast train``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the training that
it asks for. Neighbours: ``cli`` names the command; ``commands.train`` trains.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from deepracer_fast.commands.options import (
    CHECKPOINTS,
    EXAMPLES,
    CarVersion,
    Speed,
    Steering,
    given,
    option,
)


@dataclass(frozen=True)
class ModelOptions:
    """Fields of ``TrainingFiles``."""

    panel: ClassVar[str] = "Car, reward function and model"

    reward: Path | None = option(
        f"reward_function.py, or an example: {EXAMPLES} (default: follow_center_line, or "
        "PRETRAINED's)"
    )
    metadata: Path | None = option(
        "model_metadata.json, or a car that garage has built, such as garage/Flash (default: "
        "camera, 15 actions up to 30 deg, 1 m/s)"
    )
    steering: Steering = None
    speed: Speed = None
    max_speed: float | None = option(
        "For races: 28 actions, as --steering 30:7 --speed MAX:4.",
        min=0.4,
        max=4.0,
    )
    track_state: bool = option(
        "Learn from the track state, not the camera: takes seconds, not for the car.",
        "--track-state",
        default=False,
    )
    frame_stack: int | None = option(
        "Show the policy the camera's last 2 to 4 frames at once, not for the car (default: "
        "METADATA's, or 1)",
        min=1,
        max=4,
    )
    race_type: str | None = option(
        "TIME_TRIAL, OBJECT_AVOIDANCE or HEAD_TO_BOT (default: TIME_TRIAL, or what --config says)"
    )
    hyperparameters: Path | None = option(
        "hyperparameters.json with any of batch_size, num_epochs, lr, discount_factor, "
        "beta_entropy, loss_type, exploration_type, num_episodes_between_training (default of each "
        "that is left out: what laps soonest; ip/hyperparameters.json of a model has all). With a "
        "teacher most of them count in PPO alone, see --teacher."
    )
    config: Path | None = option(
        "config.toml with further settings; the one in a model folder has all of them."
    )
    model: Path | None = option(
        "Folder of the new model, or of the one to --resume (default: models/TRACK-N, N counting "
        "up)"
    )
    pretrained: Path | None = option(
        "Clone: begin with the policy of this model (folder, archive, .pb). What it was trained "
        "with holds for the clone as well, but for what is given here."
    )
    checkpoint: str = option(
        f"Of PRETRAINED: {CHECKPOINTS}.",
        default="best",
    )


@dataclass(frozen=True)
class CourseOptions:
    """Where and which way the car drives; ``settings`` makes settings of it."""

    panel: ClassVar[str] = "Tracks"

    tracks: list[str] | None = option(
        "Bundled track, or path of a route .npy; repeat it to train on several at once (default: "
        "reinvent_base, or PRETRAINED's)",
        "--track",
    )
    random_tracks: int | None = option(
        "Train on so many made-up tracks as well (default: 0)",
        min=0,
    )
    direction: str | None = option(
        "Driving direction: forward, as the track runs, reverse, clockwise, counter-clockwise, or "
        "alternate, another in each episode (default: forward)"
    )
    start_position: float | None = option(
        "Share of the track, 0 to 1, where the first episode starts (default: episodes start "
        "anywhere)"
    )
    round_robin_advance_dist: float | None = option(
        "Share of the track by which each episode starts further on, as in the original 0.05; 0 "
        "for always at one place (default: episodes start anywhere)",
        "--round-robin",
    )

    def settings(self) -> dict[str, Any]:
        """What is given, as settings of a training."""
        from deepracer_fast.tracks.driving_direction import direction_meant

        settings = given(self)
        if "start_position" in settings or "round_robin_advance_dist" in settings:
            settings["random_start"] = False
        if "direction" in settings:
            direction = direction_meant(settings.pop("direction"))
            alternates = direction == "alternate"
            settings["alternate_driving_direction"] = alternates
            if not alternates:
                settings["driving_direction"] = direction
        return settings


@dataclass(frozen=True)
class RunOptions:
    """How long and how it learns: fields of ``TrainConfig``'s tables."""

    panel: ClassVar[str] = "Training"

    minutes: float | None = option(
        "Stop after so many minutes; five laps follow, for a tenth of that or 30 s (default: 20)"
    )
    steps: int | None = option("Stop after so many steps of all cars (default: no limit)")
    stop_after: int | None = option(
        "Stop after so many evaluations in a row with clean laps only; 0 uses all --minutes, for "
        "faster laps (default: 1; 0 with --for-the-car, and where --pretrained or --resume has "
        "--minutes)",
        min=0,
    )
    best_by: str | None = option("Best checkpoint: progress, reward or laptime (default: progress)")
    teacher: bool | None = option(
        "Let a small policy that sees the track state learn first and teach the network, before "
        "PPO goes on; without it PPO does it all (default: with it)",
        "--teacher/--no-teacher",
    )
    collection: str | None = option(
        "What PPO learns from at a time: horizon, some steps of every car, or episodes, whole ones "
        "as in the original (default: horizon)"
    )
    num_cars: int | None = option("Cars side by side (default: 64)", min=1)
    seed: int | None = option("Of all randomness (default: 0)")
    threads: int | None = option("Simulator threads, 0 for all cores (default: 0)")
    car_version: CarVersion = None


@dataclass(frozen=True)
class HostOptions:
    """Fields of ``Invitation``: all of them, or none."""

    panel: ClassVar[str] = "Several hosts"

    coordinator: str | None = option(
        "HOST:PORT of host 0, to train on several hosts: the same command on each, but for "
        "--host-id."
    )
    num_hosts: int | None = option("Of a training on several hosts.")
    host_id: int | None = option("Which one this is, from 0, which writes the model.")
