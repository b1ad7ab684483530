"""The options of ``deepracer-fast train``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the training that
it asks for. Neighbours: ``cli`` has the other commands; ``commands.train`` trains.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def train(
    track: Annotated[
        list[str] | None,
        typer.Option(
            help="Bundled track, or path of a route .npy; repeat it to train on several at once.",
            show_default=False,
        ),
    ] = None,
    random_tracks: Annotated[
        int | None,
        typer.Option(help="Train on so many made-up tracks as well (default: 0)", min=0),
    ] = None,
    reward: Annotated[
        Path | None,
        typer.Option(
            help="reward_function.py, or an example's name, such as progress (default: "
            "follow_center_line)",
        ),
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(
            help="model_metadata.json, or a car that garage has built, such as garage/Flash "
            "(default: camera, 15 actions up to 30 deg, 1 m/s)"
        ),
    ] = None,
    steering: Annotated[
        str | None,
        typer.Option(
            help="Without METADATA: steering angles, deg, as MAX:LEVELS or a list, "
            "-30,-10,0,10,30 (default: 30:5)",
            show_default=False,
        ),
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option(
            help="Without METADATA: speeds, m/s, as MAX:LEVELS or a list, 0.5,1,2 (default: 1:3)",
            show_default=False,
        ),
    ] = None,
    max_speed: Annotated[
        float | None,
        typer.Option(
            help="For races, without METADATA: 28 actions, as --steering 30:7 --speed MAX:4.",
            min=0.4,
            max=4.0,
        ),
    ] = None,
    race_type: Annotated[
        str | None,
        typer.Option(
            help="TIME_TRIAL, OBJECT_AVOIDANCE or HEAD_TO_BOT (default: TIME_TRIAL, or what "
            "--config says)",
            show_default=False,
        ),
    ] = None,
    hyperparameters: Annotated[
        Path | None,
        typer.Option(
            help="hyperparameters.json with any of batch_size, num_epochs, lr, discount_factor, "
            "beta_entropy, loss_type, exploration_type, num_episodes_between_training (default of "
            "each that is left out: what laps soonest; ip/hyperparameters.json of a model has all)",
            show_default=False,
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="config.toml with further settings.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="Model folder (default: models/TRACK-N, N counting up)")
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(
            help="Clone: begin with the policy of this model (folder, archive, .pb). What it was "
            "trained with holds for the clone as well, but for what is given here."
        ),
    ] = None,
    checkpoint: Annotated[
        str,
        typer.Option(help="Of PRETRAINED: best, last, or the number of an iteration."),
    ] = "best",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with MODEL, or with the newest of the track.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so many minutes (default: 20)")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Stop after so many env-steps (default: no limit)")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all randomness (default: 0)")] = None,
    num_cars: Annotated[
        int | None, typer.Option(help="Cars side by side (default: 64)", min=1)
    ] = None,
    for_the_car: Annotated[
        bool,
        typer.Option(
            "--for-the-car",
            help="For a real car: light, colours, noise, blur, camera mount, delay, grip, steering "
            "and speed differ from episode to episode, and the time is used up. See evaluate "
            "--perturbed.",
        ),
    ] = False,
    stop_after: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many evaluations in a row with clean laps only, 0 for never "
            "(default: 1)",
            min=0,
        ),
    ] = None,
    best_by: Annotated[
        str | None,
        typer.Option(help="Best checkpoint: progress, reward or laptime (default: progress)"),
    ] = None,
    teacher: Annotated[
        bool | None,
        typer.Option(
            "--teacher/--no-teacher",
            help="Let a policy that sees the track state learn first and teach (default: yes)",
            show_default=False,
        ),
    ] = None,
    track_state: Annotated[
        bool,
        typer.Option(
            "--track-state",
            help="Learn from the track state, not the camera: takes seconds, not for the car.",
        ),
    ] = False,
    frame_stack: Annotated[
        int | None,
        typer.Option(
            help="Show the policy the camera's last 2 to 4 frames at once, not for the car "
            "(default: METADATA's, or 1)",
            min=1,
            max=4,
        ),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            help="Driving direction: forward, as the track runs, reverse, clockwise, "
            "counter-clockwise, or alternate, another in each episode (default: forward)",
            show_default=False,
        ),
    ] = None,
    start_position: Annotated[
        float | None,
        typer.Option(
            help="Share of the track, 0 to 1, where the first episode starts (default: episodes "
            "start anywhere)",
            show_default=False,
        ),
    ] = None,
    round_robin: Annotated[
        float | None,
        typer.Option(
            help="Share of the track by which each episode starts further on, as in the original "
            "0.05; 0 for always at one place (default: episodes start anywhere)",
            show_default=False,
        ),
    ] = None,
    collection: Annotated[
        str | None, typer.Option(help="horizon, or episodes as the original (default: horizon)")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Simulator threads, 0 for all cores (default: 0)")
    ] = None,
    car_version: Annotated[
        int | None,
        typer.Option(
            help="Car physics, 3 to 6 (default: version of model_metadata.json)",
            show_default=False,
        ),
    ] = None,
    coordinator: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of host 0, to train on several hosts: the same command on each, but "
            "for --host-id.",
            show_default=False,
        ),
    ] = None,
    num_hosts: Annotated[
        int | None, typer.Option(help="Of a training on several hosts.", show_default=False)
    ] = None,
    host_id: Annotated[
        int | None,
        typer.Option(help="Which one this is, from 0, which writes the model.", show_default=False),
    ] = None,
) -> None:
    """Train a model, evaluate five greedy laps, and write its archive, NAME.tar.gz."""
    from deepracer_fast.commands.train import run_training
    from deepracer_fast.learning.hosts import invitation
    from deepracer_fast.training.inputs import TrainingFiles, starts_and_direction
    from deepracer_fast.world.randomization import FOR_THE_CAR

    settings: dict[str, Any] = {
        "track": track[0] if track else None,
        "more_tracks": tuple(track[1:]) if track else None,
        "random_tracks": random_tracks,
        "stop_after": stop_after,
        "best_by": best_by,
        "teacher": teacher,
        "minutes": minutes,
        "steps": steps,
        "seed": seed,
        "num_cars": num_cars,
        "collection": collection,
        "threads": threads,
        "car_version": car_version,
    }
    files = TrainingFiles(
        reward=reward,
        metadata=metadata,
        hyperparameters=hyperparameters,
        config=config,
        model=model,
        pretrained=pretrained,
        checkpoint=checkpoint,
        max_speed=max_speed,
        steering=steering,
        speed=speed,
        frame_stack=frame_stack,
        race_type=race_type,
    )
    if (resume or pretrained) and minutes is not None and stop_after is None:
        settings["stop_after"] = 0  # it may lap already, and is to become better
    if for_the_car:
        # One clean evaluation says little where each of its laps is driven in another world.
        settings |= {"randomization": FOR_THE_CAR, "stop_after": stop_after or 0}
    settings |= starts_and_direction(direction, start_position, round_robin)
    given = {name: value for name, value in settings.items() if value is not None}
    invited = invitation(coordinator, num_hosts, host_id)
    run_training(files, given, resume, track_state, invited)
