"""Training: collect, learn, evaluate, keep; until the policy laps, or time is up.

In: a ``TrainingJob``. Out: a model folder that is whole after every checkpoint, so that whatever
stops a training (its own rule, a limit, Ctrl-C, a crash of the reward function, a power cut)
leaves a usable model, and ``resume`` goes on from there. Neighbours: ``collect``, ``learner`` and
``evaluate`` do the work, ``training_record`` writes it down, ``model_folder`` says where things
lie; ``cli`` starts it and shows the reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from deepracer_fast.action_space import ActionSpace, DiscreteActionSpace
from deepracer_fast.archive.frozen_graph import frozen_graph
from deepracer_fast.archive.model_archive import write_model_archive
from deepracer_fast.archive.weights import flatten_tree, load_weights
from deepracer_fast.collect import Collector, Rollout
from deepracer_fast.config import TrainConfig
from deepracer_fast.errors import ArchiveError, ConfigError, DeepRacerError, RewardError
from deepracer_fast.evaluate import Driver, Lap, RaceOptions, drive_laps, lap_rules
from deepracer_fast.hyperparameters import Hyperparameters
from deepracer_fast.learner import Learner, LearnerOptions
from deepracer_fast.model_folder import (
    CheckpointRecord,
    ModelFolder,
    ModelInputs,
    better_checkpoint,
    training_params,
)
from deepracer_fast.model_metadata import LidarConfig, ModelMetadata
from deepracer_fast.networks import Params, network_spec
from deepracer_fast.randomization import Randomization
from deepracer_fast.reward import Reward
from deepracer_fast.simulator import CONTROL_PERIOD, RaceRules, Simulator
from deepracer_fast.track import load_track
from deepracer_fast.training_record import TrainingRecord

EVALUATION_CARS = 5
"""Greedy laps in one evaluation; MIN_EVAL_TRIALS of the original."""

LONGEST_EPISODE = 3_000
"""Env steps (200 s) after which an episode is cut off when whole episodes are collected."""

_SAMPLES_OF_AN_ITERATION = {"DEEP_CONVOLUTIONAL_NETWORK_SHALLOW": 10_000}
_SAMPLES_OF_DEEPER_NETWORKS = 3_000  # both: markov deepracer_memory.py


@dataclass(frozen=True)
class TrainingJob:
    """All that a training is made of.

    ``pretrained``: parameters of the policy that a clone begins with, see ``clone``.
    """

    config: TrainConfig
    metadata: ModelMetadata
    hyperparameters: Hyperparameters
    reward: Reward
    folder: ModelFolder
    pretrained: Params | None = None


@dataclass(frozen=True)
class Report:
    """How the training stands after an iteration.

    Attributes:
        iteration: policy iterations so far.
        steps: env steps so far.
        steps_per_second: env steps over wall-clock time of this iteration, evaluation left out.
        mean_reward: of the episodes that ended last; NaN before the first has.
        mean_progress: of the same, percent.
        laps: whole laps that exploring cars have driven so far.
        seconds: wall-clock time of this run.
        evaluation: greedy laps, where the iteration ended with an evaluation.
        measures: of the update, by name.
    """

    iteration: int
    steps: int
    steps_per_second: float
    mean_reward: float
    mean_progress: float
    laps: int
    seconds: float
    evaluation: tuple[Lap, ...]
    measures: dict[str, float]


class StopRequested(Exception):
    """Raised between two env steps when the user wants the training to end."""


class Training:
    """One training, new or resumed.

    Args:
        job: what to train.
        resume: go on from the folder's last checkpoint.
        stop_requested: asked between env steps; True ends the training cleanly.

    Raises:
        ConfigError: the folder holds a model and is not to be resumed, or has none to resume.
        DeepRacerError: anything else about the job that cannot be used.
    """

    def __init__(
        self, job: TrainingJob, resume: bool, stop_requested: Callable[[], bool] = lambda: False
    ) -> None:
        if job.metadata.training_algorithm != "clipped_ppo":
            raise ConfigError(
                f"training_algorithm must be clipped_ppo, got {job.metadata.training_algorithm}"
            )
        self._job, self._stop_requested = job, stop_requested
        self._spec = network_spec(job.metadata)
        self._track = load_track(job.config.track)
        self._learner = Learner(
            LearnerOptions(
                self._spec,
                job.hyperparameters,
                seed=job.config.seed,
                gae_lambda=job.config.gae_lambda,
                clip=job.config.clip,
                value_function=job.config.value_function,
                lr_schedule=job.config.lr_schedule,
            )
        )
        self._evaluator = self._make_evaluator()
        self._iteration, self._steps, self._clean_evaluations = 0, 0, 0
        self._best: CheckpointRecord | None = None
        job.folder.create(resume)
        episodes = self._restore() if resume else None
        self._record = TrainingRecord(job.folder, self._track.waypoints, episodes)
        if not resume:
            if job.pretrained is not None:
                self._learner.begin_with(job.pretrained)
            self._write_inputs()
            self._save(completion=0.0)
        self._collector = self._make_collector()

    def run(self, show: Callable[[Report], None]) -> None:
        """Trains until a limit, a row of clean evaluations, or a request to stop.

        Whatever ends it, the folder then holds the last and the best checkpoint, the picture of
        the training and ``model.tar.gz`` of the best.

        Args:
            show: is handed a report after each iteration.

        Raises:
            RewardError: the user's function failed; the model up to then is saved.
            DeepRacerError: the learner's numbers are no longer finite; likewise.
        """
        started = time.monotonic()
        try:
            while not self._is_over(time.monotonic() - started):
                show(self._iterate(started))
            self._finish()
        except StopRequested:
            self._finish()
        except RewardError:
            self._finish()  # a function that fails must not cost what was learnt
            raise
        except FloatingPointError as error:
            raise DeepRacerError(
                f"learning became unstable in iteration {self._iteration + 1}: {error}; the model "
                f"of iteration {self._checkpoint.iteration} is in {self._job.folder.path}: resume "
                "it with a lower lr"
            ) from error
        finally:
            self._record.close()

    def _is_over(self, seconds: float) -> bool:
        config = self._job.config
        return (
            self._stop_requested()
            or seconds >= 60.0 * config.minutes
            or (config.steps > 0 and self._steps >= config.steps)
            or (config.stop_after > 0 and self._clean_evaluations >= config.stop_after)
            or self._record.episodes >= self._job.hyperparameters.term_cond_max_episodes
        )

    def _progress(self, seconds: float) -> float:
        """Share of the training that is over, by whichever limit is nearer."""
        config = self._job.config
        by_steps = self._steps / config.steps if config.steps > 0 else 0.0
        return max(seconds / (60.0 * config.minutes), by_steps)

    def _iterate(self, started: float) -> Report:
        """Collects, learns and writes down one iteration."""
        begun = time.monotonic()
        rollout = self._collect()
        measures = self._learner.learn(rollout, self._progress(begun - started))
        samples, duration = int(rollout.valid.sum()), time.monotonic() - begun
        self._iteration += 1
        self._steps += samples
        self._record.add_rollout(rollout, self._iteration - 1)
        due = self._iteration % self._job.config.evaluate_every == 0
        laps = self._evaluate_and_save() if due else ()
        self._record.log(self._steps, measures, laps)
        return Report(
            iteration=self._iteration,
            steps=self._steps,
            steps_per_second=samples / duration,
            mean_reward=self._record.mean_reward,
            mean_progress=self._record.mean_progress,
            laps=self._record.laps,
            seconds=time.monotonic() - started,
            evaluation=laps,
            measures=measures,
        )

    def _collect(self) -> Rollout:
        def policy(observation: dict[str, Any]) -> tuple[npt.NDArray[Any], ...]:
            if self._stop_requested():
                raise StopRequested
            return self._learner.explore(observation)

        if self._job.config.collection == "horizon":
            return self._collector.horizon(policy)
        network = self._job.metadata.neural_network
        most = _SAMPLES_OF_AN_ITERATION.get(network, _SAMPLES_OF_DEEPER_NETWORKS)
        return self._collector.episodes(policy, most)

    def _make_collector(self) -> Collector:
        job, config = self._job, self._job.config
        horizon = config.collection == "horizon"
        max_steps = config.horizon if horizon else LONGEST_EPISODE
        simulator = self._simulator(
            config.num_cars if horizon else job.hyperparameters.num_episodes_between_training,
            RaceRules(
                random_start=config.random_start and horizon,
                alternate_driving_direction=config.alternate_driving_direction,
                max_steps=RaceRules.max_steps if horizon else LONGEST_EPISODE,
                race=config.race,
            ),
            randomization=config.randomization,
            # A resumed training must not meet the same start positions once more.
            seed=config.seed + self._iteration,
        )
        return Collector(
            simulator, job.reward, job.metadata.action_space, max_steps, self._record.episodes
        )

    def _make_evaluator(self) -> Simulator:
        """Evenly spaced cars, with time for two laps at the slowest action."""
        seconds = 2.0 * self._track.length / _slowest(self._job.metadata.action_space)
        rules = RaceRules(
            round_robin_advance_dist=1.0 / EVALUATION_CARS,
            max_steps=int(seconds / CONTROL_PERIOD),
            race=self._job.config.race,
        )
        return self._simulator(EVALUATION_CARS, rules)

    def _simulator(
        self,
        num_cars: int,
        rules: RaceRules,
        seed: int = 0,
        randomization: Randomization | None = None,
    ) -> Simulator:
        metadata, config = self._job.metadata, self._job.config
        return Simulator(
            self._track,
            num_cars,
            sensors=metadata.sensors,
            num_threads=config.threads or None,
            seed=seed,
            car_version=config.car_version or metadata.version,
            rules=rules,
            randomization=randomization or Randomization(),
            lidar=metadata.lidar or LidarConfig(),
        )

    def _evaluate_and_save(self) -> tuple[Lap, ...]:
        """Greedy laps, a checkpoint with their result, and the picture."""
        driver = Driver(self._learner.greedy, self._job.metadata.action_space)
        laps = tuple(car[0] for car in drive_laps(driver, self._evaluator, laps=1))
        clean = all(lap.is_clean for lap in laps)
        self._clean_evaluations = self._clean_evaluations + 1 if clean else 0
        if 0 < self._job.config.stop_after <= self._clean_evaluations and not self._laps_in_a_row():
            self._clean_evaluations = 0
        self._record.add_evaluation(laps)
        self._save(float(np.mean([lap.completion_percentage for lap in laps])))
        return laps

    def _laps_in_a_row(self) -> bool:
        """Whether one car drives five clean laps from the line without a stop in between."""
        simulator = self._simulator(
            1, lap_rules(RaceOptions(resets=False, race=self._job.config.race))
        )
        driver = Driver(self._learner.greedy, self._job.metadata.action_space)
        return all(lap.is_clean for lap in drive_laps(driver, simulator, RaceOptions().laps)[0])

    def _save(self, completion: float) -> None:
        """A checkpoint, then what a resumed training needs, then the index that makes them count.

        Args:
            completion: percent, mean of the evaluation that the best checkpoint is chosen by.
        """
        folder, policy = self._job.folder, self._learner.policy
        weights = safetensors.numpy.save(flatten_tree({"network_1": policy}))
        graph = frozen_graph(self._spec, policy)
        checkpoint = folder.save_checkpoint(self._iteration, self._steps, weights, graph)
        self._learner.save(folder.learner(checkpoint), self._record.episodes)
        record = CheckpointRecord(checkpoint, time.time(), completion)
        self._best = better_checkpoint(record, self._best)
        folder.record_checkpoints(record, self._best)
        self._checkpoint = checkpoint
        if self._best is record:
            write_model_archive(folder.archive, self._job.metadata, graph)
        self._record.write()

    def _restore(self) -> int:
        """Takes up the last checkpoint; returns the training episodes before it."""
        folder = self._job.folder
        records = folder.recorded_checkpoints()
        if records is None:
            raise ConfigError(f"{folder.path}: has no checkpoint to resume; train without --resume")
        self._checkpoint, self._best = records[0].checkpoint, records[1]
        self._iteration, self._steps = self._checkpoint.iteration, self._checkpoint.steps
        weights = folder.weights(self._checkpoint)
        policy = load_weights(weights).get("network_1")
        if policy is None:
            raise ArchiveError(f"{weights}: holds no policy (no tensors below network_1)")
        return self._learner.restore(folder.learner(self._checkpoint), policy)

    def _write_inputs(self) -> None:
        job = self._job
        name = self._track.name.removesuffix("_cw").removesuffix("_ccw")
        clockwise = self._track.direction == "clockwise"
        job.folder.write_inputs(
            ModelInputs(
                model_metadata=job.metadata.to_json(),
                reward_function=job.reward.source,
                hyperparameters=job.hyperparameters.to_json(),
                training_params=training_params(
                    job.folder.path.name, name, clockwise, job.config.race.race_type
                ),
                config=job.config.to_toml(),
            )
        )

    def _finish(self) -> None:
        """Keeps the last iteration, if no checkpoint holds it yet."""
        if self._checkpoint.iteration < self._iteration:
            self._evaluate_and_save()


def _slowest(space: ActionSpace) -> float:
    """The lowest speed that the car may be asked for, m/s; it never drives at less than 0.1."""
    speed = min(space.speed) if isinstance(space, DiscreteActionSpace) else space.speed_low
    return max(speed, 0.1)
