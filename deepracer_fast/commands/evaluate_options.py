"""The options of ``deepracer-fast evaluate``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the laps that it
asks for. Neighbours: ``cli`` has the other commands; ``commands.evaluate`` drives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    models: Annotated[
        list[Path],
        typer.Argument(help="Model folders, archives or model.pb; several give one table."),
    ],
    track: Annotated[
        list[str] | None,
        typer.Option(
            help="Bundled track, or path of a route .npy; repeat it for several (default: those "
            "that a model was trained on)",
            show_default=False,
        ),
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            help="Of model folders: best, last, the number of an iteration, or all; repeat it for "
            "several (default: best)",
            show_default=False,
        ),
    ] = None,
    laps: Annotated[int, typer.Option(help="Greedy laps, one after the other.", min=1)] = 5,
    resets: Annotated[
        bool,
        typer.Option(
            "--resets/--no-resets",
            help="Put a car that leaves the track back after the penalty, or end its lap.",
        ),
    ] = True,
    off_track_penalty: Annotated[
        float, typer.Option(help="Seconds that leaving the track costs.", min=0.0)
    ] = 2.0,
    car_version: Annotated[
        int | None,
        typer.Option(
            help="Car physics, 3 to 6 (default: version of model_metadata.json)",
            show_default=False,
        ),
    ] = None,
    race_type: Annotated[
        str | None,
        typer.Option(
            help="TIME_TRIAL, OBJECT_AVOIDANCE or HEAD_TO_BOT (default: the model folder's)",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="config.toml whose [race] table says what else is on the road "
            "(default: the model folder's)",
            show_default=False,
        ),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            help="Driving direction: forward, as the track runs, reverse, clockwise or "
            "counter-clockwise (default: the model folder's)",
            show_default=False,
        ),
    ] = None,
    start_position: Annotated[
        float, typer.Option(help="Share of the track, 0 to 1, where the first lap starts.")
    ] = 0.0,
    round_robin: Annotated[
        float,
        typer.Option(
            help="Share of the track by which each lap starts further on, from a standing start; "
            "with 0 a car drives on after a lap."
        ),
    ] = 0.0,
    perturbed: Annotated[
        bool,
        typer.Option(
            "--perturbed",
            help="Drive a lap from each of 20 places as the real car may find them: other light, "
            "noise, camera mount, delay, grip, steering, speed, one at a time and together.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Drive greedy laps with trained models and print their times, of several in one table."""
    from deepracer_fast.commands.evaluate import EvaluationRequest, run_evaluation
    from deepracer_fast.tracks.driving_direction import direction_meant

    options = {
        "laps": laps,
        "resets": resets,
        "off_track_penalty": off_track_penalty,
        "start_position": start_position,
        "round_robin_advance_dist": round_robin,
        "car_version": car_version,
        "driving_direction": direction_meant(direction) if direction else None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    request = EvaluationRequest(
        models, tuple(track or ()), tuple(checkpoint or ()), race_type, config, as_json, perturbed
    )
    run_evaluation(request, given)
