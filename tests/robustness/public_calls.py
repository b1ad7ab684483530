"""One good call of every public function: what ``calls`` then asks with one argument replaced.

Neighbour: ``calls`` tries them. ``MODULES`` are those whose functions and classes a user calls;
what is public there and stands neither in ``good_calls`` nor in ``LEFT_OUT`` is a finding.
"""

import importlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

MODULES = (
    "driving.evaluate",
    "driving.replay",
    "files.action_space",
    "files.hyperparameters",
    "files.metrics",
    "files.model_metadata",
    "files.simtrace_writer",
    "files.simtrace_reader",
    "pictures.replay",
    "pictures.reward",
    "pictures.track",
    "pictures.video.file",
    "pictures.video.views",
    "policy.archive.frozen_graph",
    "policy.archive.model_archive",
    "policy.archive.weights",
    "policy.model",
    "racing.drive",
    "racing.leaderboard",
    "racing.race",
    "reward",
    "tracks.track",
    "training.config",
    "world.race_config",
    "world.randomization",
    "world.simulator",
)

LEFT_OUT = {
    # Protocols, and records of results that nobody but this package makes.
    "CommandTable", "Driver", "Lap", "Recording", "Episode", "Replay", "StepResult", "TrackMap",
    "EpisodeMetrics", "EpisodeOutcome", "EvaluationResult",
    "EvaluationMetrics", "TrainingMetrics", "Standing", "Leaderboard", "Reward",
    "RoadObjects", "Model", "Track", "Ribbon",
    # Called with what other functions here have checked.
    "drive_laps", "lap_rules", "step_rewards", "metadata_of", "greedy_commands", "race_lap",
    "standings", "ranked_seconds", "reach", "default_minimum_laps", "refuse_other_rules",
    "traffic_rules", "settings_of", "available_cores", "track_names", "steering_at_start",
    "parse_model_metadata", "parse_hyperparameters", "unflatten_tree", "save_weights",
    "policy_in", "most_of_checkpoint",
    "policy_shapes", "input_name", "episode_metrics", "milliseconds", "write_evaluation_metrics",
    "write_simtrace", "Commands", "draw_reward", "check_name", "Action", "actions_drawn",
    "key_meant", "sensor_list", "two_slow_laps", "track_name", "mean_completion", "cars_of",
}  # fmt: skip


def public_names() -> set[str]:
    """The public functions and classes of ``MODULES``."""
    found = set()
    for name in MODULES:
        module = importlib.import_module(f"deepracer_fast.{name}")
        for key, value in vars(module).items():
            is_call = inspect.isfunction(value) or inspect.isclass(value)
            if is_call and value.__module__ == module.__name__ and not key.startswith("_"):
                found.add(key)
    return found


class Goods:
    """Good arguments, made once in the process that needs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cache  # noqa: B019
    def simulator(self, race_type: str = "TIME_TRIAL") -> Any:
        from deepracer_fast.world.race_config import RaceConfig
        from deepracer_fast.world.simulator import RaceRules, Simulator

        race = RaceConfig(race_type, number_of_obstacles=2)
        made = Simulator("Oval_track", 2, (), 1, rules=RaceRules(race=race))
        made.reset()
        return made

    @cache  # noqa: B019
    def metadata(self, sensor: str = "FRONT_FACING_CAMERA") -> Any:
        from deepracer_fast.files.action_space import discrete_grid
        from deepracer_fast.files.model_metadata import ModelMetadata

        return ModelMetadata(discrete_grid(30.0, 3, 1.0, 1), (sensor,))

    @cache  # noqa: B019
    def model(self, sensor: str = "FRONT_FACING_CAMERA") -> Any:
        from deepracer_fast.policy.archive.weights import policy_shapes, unflatten_tree
        from deepracer_fast.policy.model import Model
        from deepracer_fast.policy.networks import network_spec

        spec = network_spec(self.metadata(sensor))
        zeros = {name: np.zeros(shape, np.float32) for name, shape in policy_shapes(spec).items()}
        return Model(self.metadata(sensor), spec, unflatten_tree(zeros))

    def track(self) -> Any:
        from deepracer_fast.tracks.track import load_track

        return load_track("Oval_track")

    @cache  # noqa: B019
    def reward(self) -> Any:
        from deepracer_fast.reward import load_reward

        return load_reward(lambda params: params["progress"])

    @cache  # noqa: B019
    def trace(self) -> Path:
        path = self.folder / "trace.log"
        row = "SIM_TRACE_LOG:0,{},{},0.1,0.0,0.0,1.0,0,0.1,False,True,1.0,1,17.71,{},{},0.00"
        rows = [
            row.format(step, 0.01 * step, step / 15, "prepare" if step == 1 else "in_progress")
            for step in range(1, 10)
        ]
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return path

    @cache  # noqa: B019
    def episodes(self) -> Any:
        from deepracer_fast.driving.replay import episodes
        from deepracer_fast.files.simtrace_reader import read_recording

        return episodes(read_recording(self.trace()))

    @cache  # noqa: B019
    def written(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def lap(self) -> Any:
        from deepracer_fast.racing.race import RaceLap

        return RaceLap(100.0, 9.5, 0, 0, 0, 140, "lap_complete")


Call = tuple[Callable[..., Any], dict[str, Any]]


def good_calls() -> dict[str, Callable[[Goods], Call]]:
    """Of each public function, what makes one good call of it."""
    return _of_the_simulator() | _of_records() | _of_models() | _of_files() | _of_races()


def _of_the_simulator() -> dict[str, Callable[[Goods], Call]]:
    from deepracer_fast.reward import load_reward, params_dict
    from deepracer_fast.tracks.track import load_track, route_bytes, save_route
    from deepracer_fast.world.simulator import RaceRules, Simulator

    actions = np.zeros((2, 2), np.float32)
    pose = {"x": 0.0, "y": [0.0, 1.0], "heading": 0.0, "steering": 0.0}
    place = {"location": np.zeros((2, 2)), "heading": 0.0}
    text = "def reward_function(params):\n    return 1.0\n"
    options = {
        "num_cars": 2, "sensors": (), "threads": 1, "seed": 0, "car_version": 5,
        "rules": RaceRules(), "asymmetric": False, "first_car": 0, "cars_in_batch": None,
        "instruction_set": "", "engine": "native", "vehicle": None, "frame_stack": 1,
    }  # fmt: skip
    return {
        "Simulator": lambda _: (Simulator, {"track": "Oval_track"} | options),
        "Simulator.step": lambda g: (g.simulator().step, {"actions": actions}),
        "Simulator.begin_episodes": lambda g: (g.simulator().begin_episodes, {"number": 3}),
        "Simulator.place": lambda g: (g.simulator().place, {"cars": [0, 1]} | pose),
        "Simulator.place_objects": lambda g: (
            g.simulator("OBJECT_AVOIDANCE").place_objects, {"cars": [0, 1]} | place,
        ),
        "Simulator.params_dict": lambda g: (g.simulator().params_dict, {"car": 1}),
        "params_dict": lambda g: (
            params_dict, {"params": g.simulator().reset().params, "car": 0},
        ),
        "load_track": lambda _: (load_track, {"name_or_path": "Oval_track"}),
        "route_bytes": lambda g: (route_bytes, {"track": g.track()}),
        "save_route": lambda g: (save_route, {"track": g.track(), "path": g.folder / "saved.npy"}),
        "load_reward": lambda _: (
            load_reward, {"given": lambda params: 1.0, "state": "episode", "time_limit": 2.0},
        ),
        "load_reward of text": lambda _: (load_reward, {"given": text}),
        "Reward.__call__": lambda g: (
            g.reward(),
            {"params": g.simulator().reset().params, "where": np.ones(2, bool)},
        ),
        "Reward.__call__ of columns": lambda g: (
            lambda **columns: g.reward()(columns), dict(g.simulator().reset().params),
        ),
    }  # fmt: skip


def _of_records() -> dict[str, Callable[[Goods], Call]]:
    from dataclasses import fields, is_dataclass

    from deepracer_fast.driving.evaluate import EvaluationOptions
    from deepracer_fast.files.action_space import (
        ContinuousActionSpace,
        DiscreteActionSpace,
        discrete_grid,
        even_speeds,
        even_steering,
        every_pair,
    )
    from deepracer_fast.files.hyperparameters import Hyperparameters
    from deepracer_fast.files.model_metadata import LidarConfig, ModelMetadata
    from deepracer_fast.training.config import TrainConfig
    from deepracer_fast.world.race_config import RaceConfig
    from deepracer_fast.world.randomization import Randomization
    from deepracer_fast.world.simulator import RaceRules

    tables = [type(table) for table in vars(TrainConfig()).values() if is_dataclass(table)]

    def record(kind: type) -> Callable[[Goods], Call]:
        return lambda _: (kind, {f.name: getattr(kind(), f.name) for f in fields(kind)})

    kinds = (RaceRules, RaceConfig, Randomization, TrainConfig, Hyperparameters, EvaluationOptions)
    return {kind.__name__: record(kind) for kind in (*kinds, *tables, LidarConfig)} | {
        "ModelMetadata": lambda g: (
            ModelMetadata,
            {f.name: getattr(g.metadata(), f.name) for f in fields(ModelMetadata)},
        ),
        "DiscreteActionSpace": lambda _: (
            DiscreteActionSpace,
            {"steering_angle_deg": (0.0, 1.0), "speed": (1.0, 1.0)},
        ),
        "ContinuousActionSpace": lambda _: (
            ContinuousActionSpace,
            {"steering_low": -30, "steering_high": 30.0, "speed_low": 1, "speed_high": 2},
        ),
        "discrete_grid": lambda _: (
            discrete_grid,
            {"max_steering_deg": 30, "steering_levels": 3, "max_speed": 1, "speed_levels": 1},
        ),
        "even_steering": lambda _: (even_steering, {"max_steering_deg": 30, "steering_levels": 3}),
        "even_speeds": lambda _: (even_speeds, {"max_speed": 1, "speed_levels": 2}),
        "every_pair": lambda _: (
            every_pair,
            {"steering_angle_deg": (0.0, 1.0), "speed": (1.0, 2.0)},
        ),
        "DiscreteActionSpace.to_commands": lambda _: (
            DiscreteActionSpace((0.0, 1.0), (1.0, 1.0)).to_commands,
            {"indices": np.array([0, 1])},
        ),
        "ContinuousActionSpace.to_commands": lambda _: (
            ContinuousActionSpace(-30.0, 30.0, 1.0, 2.0).to_commands,
            {"values": np.zeros((2, 2))},
        ),
    }


def _of_models() -> dict[str, Callable[[Goods], Call]]:
    from deepracer_fast.driving.evaluate import EvaluationOptions, evaluate_model, evaluate_starts
    from deepracer_fast.policy.archive.frozen_graph import frozen_graph
    from deepracer_fast.policy.archive.model_archive import write_model_archive
    from deepracer_fast.policy.archive.weights import check_weights, flatten_tree
    from deepracer_fast.racing.drive import Entrant, drive_race
    from deepracer_fast.racing.race import RankedRace

    pictures = np.zeros((2, 120, 160, 1), np.uint8)
    race = RankedRace("Oval_track", 20.0, laps=1, resets=0)
    blind = "TRACK_STATE"
    no_resets = EvaluationOptions(1, resets=False, threads=1)
    return {
        f"Model.{name}": lambda g, name=name: (
            getattr(g.model(), name), {"observation": pictures},
        )
        for name in ("act", "probabilities", "best_action", "output")
    } | {
        "evaluate_model": lambda g: (
            evaluate_model,
            {"model": g.model(blind), "track": "Oval_track", "options": no_resets},
        ),
        "evaluate_starts": lambda g: (
            evaluate_starts,
            {"model": g.model(blind), "track": "Oval_track", "options": no_resets, "starts": 2},
        ),
        "Entrant": lambda g: (Entrant, {"name": "a", "model": g.model(blind)}),
        "drive_race": lambda g: (
            drive_race,
            {"race": race, "entrants": [Entrant("a", g.model(blind))], "threads": 1},
        ),
        "frozen_graph": lambda g: (
            frozen_graph, {"spec": g.model().spec, "params": g.model().params},
        ),
        "check_weights": lambda g: (
            check_weights, {"spec": g.model().spec, "tree": g.model().params, "source": "it"},
        ),
        "flatten_tree": lambda g: (flatten_tree, {"tree": {"a": {"b": np.zeros(2)}}}),
        "write_model_archive": lambda g: (
            write_model_archive,
            {"path": g.folder / "out.tar.gz", "metadata": g.metadata(), "graph": b"graph"},
        ),
    }  # fmt: skip


def _of_files() -> dict[str, Callable[[Goods], Call]]:
    from deepracer_fast import _core
    from deepracer_fast.driving.replay import episodes, error_table, guess_car_version, replay
    from deepracer_fast.files.hyperparameters import read_hyperparameters
    from deepracer_fast.files.metrics import read_training_metrics
    from deepracer_fast.files.model_metadata import read_model_metadata
    from deepracer_fast.files.simtrace_reader import read_recording
    from deepracer_fast.pictures.replay import PictureTitle, draw_replay
    from deepracer_fast.pictures.track import draw_track, track_map
    from deepracer_fast.pictures.video.file import check_film_path, write_film
    from deepracer_fast.pictures.video.views import Views
    from deepracer_fast.policy.archive.model_archive import read_model_archive
    from deepracer_fast.policy.archive.weights import load_weights
    from deepracer_fast.policy.model import load_model
    from deepracer_fast.racing.leaderboard import read_leaderboard
    from deepracer_fast.training.config import read_config

    vehicle = _core.VehicleParams(5, True)
    readers = (read_config, read_hyperparameters, read_model_metadata, read_leaderboard)
    readers += (read_training_metrics, load_weights, read_model_archive)
    frames = [np.zeros((16, 16, 3), np.uint8)] * 2
    # What a reader makes of a file's content is tried elsewhere: here any path will do.
    return {
        reader.__name__: lambda g, reader=reader: (
            reader, {"path": g.written("empty.toml", "")},
        )
        for reader in readers
    } | {
        "load_model": lambda g: (load_model, {"path": g.folder, "checkpoint": "last"}),
        "read_recording": lambda g: (read_recording, {"path": g.trace()}),
        "guess_car_version": lambda g: (guess_car_version, {"trace": g.trace()}),
        "episodes": lambda g: (episodes, {"recording": read_recording(g.trace())}),
        "replay": lambda g: (replay, {"starts": g.episodes(), "vehicle": vehicle}),
        "error_table": lambda g: (error_table, {"result": replay(g.episodes(), vehicle)}),
        "PictureTitle": lambda _: (PictureTitle, {"trace": "a", "car": "b"}),
        "draw_replay": lambda g: (
            draw_replay,
            {
                "result": replay(g.episodes(), vehicle), "track": g.track(),
                "title": PictureTitle("a", "b"), "path": g.folder / "replay.png",
            },
        ),
        "draw_track": lambda g: (draw_track, {"track": g.track(), "path": g.folder / "t.png"}),
        "track_map": lambda g: (track_map, {"track": g.track(), "width": 90, "height": 60}),
        "Views": lambda g: (Views, {"track": g.track(), "colour": "Blue", "width": 64}),
        "check_film_path": lambda g: (check_film_path, {"path": g.folder / "film.gif"}),
        "write_film": lambda g: (write_film, {"path": g.folder / "film.gif", "frames": frames}),
    }  # fmt: skip


def _of_races() -> dict[str, Callable[[Goods], Call]]:
    from dataclasses import asdict

    from deepracer_fast.racing.leaderboard import add_submissions
    from deepracer_fast.racing.race import RaceLap, RankedRace, Submission

    race = RankedRace("Oval_track", 20.0)
    rules = asdict(race) | {"road": race.road}
    return {
        "RankedRace": lambda _: (RankedRace, rules),
        "RaceLap": lambda g: (RaceLap, asdict(g.lap())),
        "Submission": lambda g: (
            Submission, {"model": "a", "submitted": "2024-01-01", "laps": (g.lap(),)},
        ),
        "add_submissions": lambda g: (
            add_submissions,
            {
                "path": g.folder / "board.json", "race": race,
                "new": [Submission("a", "2024-01-01", (g.lap(),))],
            },
        ),
    }  # fmt: skip
