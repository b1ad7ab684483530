"""One sound file of every kind that the product reads, and what reads it.

The files are the product's own, small: a policy that sees the track state, and a graph whose
weights are one repeated value, which TensorFlow allows.
"""

import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deepracer_fast.driving.replay import episodes, replay
from deepracer_fast.files.checkpoint_ranking import Checkpoint, CheckpointRecord
from deepracer_fast.files.hyperparameters import Hyperparameters, read_hyperparameters
from deepracer_fast.files.metrics import (
    EpisodeOutcome,
    TrainingMetrics,
    episode_metrics,
    read_training_metrics,
)
from deepracer_fast.files.model_folder import ModelFolder, ModelInputs
from deepracer_fast.files.model_metadata import (
    TRACK_STATE,
    parse_model_metadata,
    read_model_metadata,
)
from deepracer_fast.files.simtrace_reader import read_recording
from deepracer_fast.files.simtrace_writer import COLUMNS, write_simtrace
from deepracer_fast.files.training_params import training_params
from deepracer_fast.learning.learner import Learner, LearnerOptions
from deepracer_fast.policy.archive.frozen_graph import frozen_graph
from deepracer_fast.policy.archive.messages import GraphDef
from deepracer_fast.policy.archive.model_archive import read_model_archive, write_model_archive
from deepracer_fast.policy.archive.weights import policy_shapes, save_weights, unflatten_tree
from deepracer_fast.policy.model import load_model
from deepracer_fast.policy.networks import network_spec
from deepracer_fast.racing.leaderboard import add_submissions, read_leaderboard
from deepracer_fast.racing.race import RaceLap, RankedRace, Submission, standings
from deepracer_fast.reward import cache
from deepracer_fast.reward.loading import compile_source, read_reward
from deepracer_fast.tracks.bundled import find_outline
from deepracer_fast.tracks.outline import outline_route
from deepracer_fast.tracks.track import load_track, route_bytes
from deepracer_fast.training.config import TrainConfig, read_config
from deepracer_fast.training.iterations import PPO, Iteration, read_iterations, write_iterations
from deepracer_fast.world.race_config import RaceConfig

REWARD = "import math\n\n\ndef reward_function(params):\n    return math.exp(-params['speed'])\n"

ACTIONS = '{"action_space": [{"steering_angle": -30, "speed": 1.0}, {"steering_angle": "30", '
SENSOR = '"speed": 2}], "sensor": ["%s"], "version": "5", "frame_stack": 1}'

POLICY = Checkpoint(3, 900)


def metadata_text(sensor: str) -> str:
    return parse_model_metadata(ACTIONS + SENSOR % sensor, "seed").to_json()


def zero_policy(sensor: str) -> tuple[Any, dict[str, Any]]:
    spec = network_spec(parse_model_metadata(metadata_text(sensor), "seed"))
    shapes = policy_shapes(spec)
    return spec, unflatten_tree({name: np.zeros(shape, "f4") for name, shape in shapes.items()})


def small_graph() -> bytes:
    graph = GraphDef.FromString(frozen_graph(*zero_policy("FRONT_FACING_CAMERA")))
    for node in graph.node:
        tensor = node.attr["value"].tensor if "value" in node.attr else None
        if tensor is not None and len(tensor.tensor_content) > 4096:
            tensor.tensor_content = b""
            tensor.float_val.append(0.01)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def learner() -> Learner:
    spec, _ = zero_policy(TRACK_STATE)
    return Learner(LearnerOptions(spec, Hyperparameters()))


def trace_columns(steps: int) -> dict[str, np.ndarray]:
    count = np.arange(steps)
    made = {name: count.astype(float) for name in COLUMNS}
    made |= {"episode": count // 20, "steps": count % 20 + 1.0, "action": count % 2}
    made |= {"X": count * 0.05, "yaw": count % 90.0, "steer": count % 3 * 15.0 - 15}
    made |= {name: count % 2 == 0 for name in ("done", "all_wheels_on_track")}
    made |= {"throttle": np.ones(steps), "progress": count * 0.5}
    made["episode_status"] = np.where(count % 20 == 0, "prepare", "in_progress")
    return {name: made[name] for name in COLUMNS}


def make_folder(folder: Path) -> None:
    """A model that sees the track state, with all that a training leaves in its folder."""
    model = ModelFolder(folder)
    model.create(
        ModelInputs(
            model_metadata=metadata_text(TRACK_STATE),
            reward_function=REWARD,
            hyperparameters=Hyperparameters().to_json(),
            training_params=training_params("seed", "Oval_track", clockwise=False),
            config=TrainConfig().updated(race=RaceConfig("OBJECT_AVOIDANCE")).to_toml(),
            routes={"tracks/carried.npy": route_bytes(load_track("Oval_track"))},
        )
    )
    save_weights(model.weights(POLICY), {"network_1": zero_policy(TRACK_STATE)[1]})
    learner().save(model.learner(POLICY))
    record = CheckpointRecord(POLICY, 1.7e9, 61.5)
    model.record_checkpoints(record, record)
    outcome = EpisodeOutcome(31.6, 29.9, "off_track", 27.7, 31.5)
    rows = [episode_metrics(outcome, "training", number, number) for number in range(1, 5)]
    TrainingMetrics(model.training_metrics, rows=rows).write()
    means = {"laps": 2, "reward": 31.6, "progress": 29.9, "measures": {"kl": 0.01}}
    iterations = [Iteration(number, PPO, 9.5, 400, 1, **means) for number in range(3)]
    write_iterations(model.training_iterations, iterations)


def make_others(folder: Path) -> None:
    """Everything that lies beside a model folder."""
    spec_metadata = parse_model_metadata(metadata_text("FRONT_FACING_CAMERA"), "seed")
    (folder / "model_metadata.json").write_text(spec_metadata.to_json())
    (folder / "model.pb").write_bytes(small_graph())
    write_model_archive(folder / "model.tar.gz", spec_metadata, small_graph())
    with (
        tarfile.open(folder / "model.tar", "w", format=tarfile.PAX_FORMAT) as tar,
        zipfile.ZipFile(folder / "model.zip", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in ("model_metadata.json", "model.pb"):
            tar.add(folder / name, name)
            packed.write(folder / name, name)
    laps = (RaceLap(100.0, 9.5, 0, 0, 0, 143, "lap_complete"),) * 3
    race = RankedRace("reinvent_base", 17.67, road=RaceConfig("HEAD_TO_BOT"))
    submissions = [Submission(name, "2024-01-01T00:00:00+00:00", laps) for name in "ab"]
    add_submissions(folder / "leaderboard.json", race, submissions)
    columns = trace_columns(60)
    write_simtrace(folder / "trace.csv", columns)
    rows = (folder / "trace.csv").read_text().splitlines()[1:]
    (folder / "trace.log").write_text("".join(f"[node] SIM_TRACE_LOG:{row}\n" for row in rows))
    outline = find_outline("Oval_track")
    assert outline is not None
    np.save(folder / "route.npy", outline_route(outline)[::4])
    cache.keep(REWARD, {"notes": []}, b"code" * 50)


def read_traces(path: Path) -> None:
    starts = episodes(read_recording(path))
    if starts:
        from deepracer_fast import _core

        replay(starts, _core.VehicleParams(5, True))


def read_metadata(path: Path) -> None:
    metadata = read_model_metadata(path)
    network_spec(metadata)
    metadata.action_space.to_commands([0] if metadata.to_json().count("index") else [[0.0, 0.0]])


def read_metrics(path: Path) -> None:
    metrics = read_training_metrics(path)
    metrics.keep(3)
    metrics.write()


def read_board(path: Path) -> None:
    board = read_leaderboard(path)
    standings(board.race, board.submissions)


def read_route(path: Path) -> None:
    track = load_track(path)
    assert np.isfinite([track.length, *track.width]).all()


def kinds(folder: Path) -> dict[str, tuple[Path, Callable[[Path], Any]]]:
    """Kind -> the sound file, and what reads it from where it lies."""
    model, own = ModelFolder(folder / "model"), folder / "others"
    trained = learner()
    policy = zero_policy(TRACK_STATE)[1]
    stored = cache._path(REWARD)
    return {
        "config": (model.config, read_config),
        "metadata": (model.model_metadata, read_metadata),
        "hyperparameters": (model.hyperparameters, read_hyperparameters),
        "mark": (model.mark, lambda _: (model.check_format(), model.is_clone(), model.archive)),
        "carried route": (model.path / "tracks" / "carried.npy", read_route),
        "index": (model.checkpoint_index, lambda _: model.recorded_checkpoints()),
        "index of a model": (model.checkpoint_index, lambda _: load_model(model.path)),
        "weights": (model.weights(POLICY), load_model_beside),
        "learner": (model.learner(POLICY), lambda path: trained.restore(path, policy)),
        "graph": (own / "model.pb", load_model),
        "tar.gz": (own / "model.tar.gz", load_model),
        "tar": (own / "model.tar", load_model),
        "zip": (own / "model.zip", load_model),
        "archive": (own / "model.tar.gz", read_model_archive),
        "leaderboard": (own / "leaderboard.json", read_board),
        "metrics": (model.training_metrics, read_metrics),
        "iterations": (model.training_iterations, read_iterations),
        "simtrace": (own / "trace.csv", read_traces),
        "log": (own / "trace.log", read_traces),
        "route": (own / "route.npy", read_route),
        "reward": (model.reward_function, lambda path: compile_source(read_reward(path))),
        "reward cache": (stored, lambda _: cache.find(REWARD)),
    }


def load_model_beside(path: Path) -> Any:
    return load_model(path.parent.parent)


def make(folder: Path) -> None:
    """All seed files, below ``folder``."""
    os.environ["DEEPRACER_FAST_CACHE"] = str(folder / "rewards")
    (folder / "others").mkdir()
    make_folder(folder / "model")
    make_others(folder / "others")
