"""The options of ``deepracer-fast train``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the training that
it asks for. Neighbours: ``cli`` names the command; ``commands.train`` trains.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from deepracer_fast.commands.options import CarVersion, Speed, Steering, given


@dataclass(frozen=True)
class ModelOptions:
    """Fields of ``TrainingFiles``."""

    panel: ClassVar[str] = "Car, reward function and model"

    reward: Annotated[
        Path | None,
        typer.Option(
            help="reward_function.py, or an example's name, such as progress (default: "
            "follow_center_line)",
        ),
    ] = None
    metadata: Annotated[
        Path | None,
        typer.Option(
            help="model_metadata.json, or a car that garage has built, such as garage/Flash "
            "(default: camera, 15 actions up to 30 deg, 1 m/s)"
        ),
    ] = None
    steering: Steering = None
    speed: Speed = None
    max_speed: Annotated[
        float | None,
        typer.Option(
            help="For races: 28 actions, as --steering 30:7 --speed MAX:4.", min=0.4, max=4.0
        ),
    ] = None
    track_state: Annotated[
        bool,
        typer.Option(
            "--track-state",
            help="Learn from the track state, not the camera: takes seconds, not for the car.",
        ),
    ] = False
    frame_stack: Annotated[
        int | None,
        typer.Option(
            help="Show the policy the camera's last 2 to 4 frames at once, not for the car "
            "(default: METADATA's, or 1)",
            min=1,
            max=4,
        ),
    ] = None
    race_type: Annotated[
        str | None,
        typer.Option(
            help="TIME_TRIAL, OBJECT_AVOIDANCE or HEAD_TO_BOT (default: TIME_TRIAL, or what "
            "--config says)",
            show_default=False,
        ),
    ] = None
    hyperparameters: Annotated[
        Path | None,
        typer.Option(
            help="hyperparameters.json with any of batch_size, num_epochs, lr, discount_factor, "
            "beta_entropy, loss_type, exploration_type, num_episodes_between_training (default of "
            "each that is left out: what laps soonest; ip/hyperparameters.json of a model has all)",
            show_default=False,
        ),
    ] = None
    config: Annotated[Path | None, typer.Option(help="config.toml with further settings.")] = None
    model: Annotated[
        Path | None, typer.Option(help="Model folder (default: models/TRACK-N, N counting up)")
    ] = None
    pretrained: Annotated[
        Path | None,
        typer.Option(
            help="Clone: begin with the policy of this model (folder, archive, .pb). What it was "
            "trained with holds for the clone as well, but for what is given here."
        ),
    ] = None
    checkpoint: Annotated[
        str, typer.Option(help="Of PRETRAINED: best, last, or the number of an iteration.")
    ] = "best"


@dataclass(frozen=True)
class CourseOptions:
    """Where and which way the car drives; ``settings`` makes settings of it."""

    panel: ClassVar[str] = "Tracks"

    tracks: Annotated[
        list[str] | None,
        typer.Option(
            "--track",
            help="Bundled track, or path of a route .npy; repeat it to train on several at once.",
            show_default=False,
        ),
    ] = None
    random_tracks: Annotated[
        int | None,
        typer.Option(help="Train on so many made-up tracks as well (default: 0)", min=0),
    ] = None
    direction: Annotated[
        str | None,
        typer.Option(
            help="Driving direction: forward, as the track runs, reverse, clockwise, "
            "counter-clockwise, or alternate, another in each episode (default: forward)",
            show_default=False,
        ),
    ] = None
    start_position: Annotated[
        float | None,
        typer.Option(
            help="Share of the track, 0 to 1, where the first episode starts (default: episodes "
            "start anywhere)",
            show_default=False,
        ),
    ] = None
    round_robin_advance_dist: Annotated[
        float | None,
        typer.Option(
            "--round-robin",
            help="Share of the track by which each episode starts further on, as in the original "
            "0.05; 0 for always at one place (default: episodes start anywhere)",
            show_default=False,
        ),
    ] = None

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

    minutes: Annotated[
        float | None, typer.Option(help="Stop after so many minutes (default: 20)")
    ] = None
    steps: Annotated[
        int | None, typer.Option(help="Stop after so many env-steps (default: no limit)")
    ] = None
    stop_after: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many evaluations in a row with clean laps only, 0 for never "
            "(default: 1)",
            min=0,
        ),
    ] = None
    best_by: Annotated[
        str | None,
        typer.Option(help="Best checkpoint: progress, reward or laptime (default: progress)"),
    ] = None
    teacher: Annotated[
        bool | None,
        typer.Option(
            "--teacher/--no-teacher",
            help="Let a policy that sees the track state learn first and teach (default: yes)",
            show_default=False,
        ),
    ] = None
    collection: Annotated[
        str | None, typer.Option(help="horizon, or episodes as the original (default: horizon)")
    ] = None
    num_cars: Annotated[int | None, typer.Option(help="Cars side by side (default: 64)", min=1)] = (
        None
    )
    seed: Annotated[int | None, typer.Option(help="Of all randomness (default: 0)")] = None
    threads: Annotated[
        int | None, typer.Option(help="Simulator threads, 0 for all cores (default: 0)")
    ] = None
    car_version: CarVersion = None


@dataclass(frozen=True)
class HostOptions:
    """Fields of ``Invitation``: all of them, or none."""

    panel: ClassVar[str] = "Several hosts"

    coordinator: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of host 0, to train on several hosts: the same command on each, but "
            "for --host-id.",
            show_default=False,
        ),
    ] = None
    num_hosts: Annotated[
        int | None, typer.Option(help="Of a training on several hosts.", show_default=False)
    ] = None
    host_id: Annotated[
        int | None,
        typer.Option(help="Which one this is, from 0, which writes the model.", show_default=False),
    ] = None
