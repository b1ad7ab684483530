"""``deepracer-fast train``: from files and options to a training, and from its end to the laps.

In: paths and settings as the command line has them. Out: a trained, evaluated model folder.
Neighbours: ``cli`` parses the options, ``train`` does the work, ``commands.screen`` shows it.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, cast

import numpy.typing as npt
from rich.console import Console

from deepracer_fast.commands.options import given
from deepracer_fast.commands.screen import TrainingScreen, evaluation_summary, lap_table
from deepracer_fast.commands.terminal import UnbreakableStream, say
from deepracer_fast.commands.train_options import (
    CourseOptions,
    HostOptions,
    ModelOptions,
    RunOptions,
)
from deepracer_fast.driving.evaluate import EvaluationOptions, EvaluationResult, Lap, evaluate_model
from deepracer_fast.driving.habits import driving_habits
from deepracer_fast.driving.trace import Trace, simtrace_columns
from deepracer_fast.errors import ConfigError, RewardError
from deepracer_fast.files.action_space import ActionSpace
from deepracer_fast.files.hyperparameters import (
    OF_A_TEACHER,
    OF_PPO,
    WITHOUT_EFFECT,
    Hyperparameters,
)
from deepracer_fast.files.metrics import write_evaluation_metrics
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.simtrace_writer import write_simtrace
from deepracer_fast.learning.hosts import ALONE, Invitation, Team, invitation, meet
from deepracer_fast.policy.compilation_cache import keep_compiled_programs
from deepracer_fast.policy.model import Model, load_model
from deepracer_fast.reward.loading import read_reward
from deepracer_fast.reward.sandbox.process import confinement_note
from deepracer_fast.reward.text_faults import about_files, text_faults
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.training.clone import Parent
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.evaluation import Row
from deepracer_fast.training.follower import agree_on, follow
from deepracer_fast.training.inputs import (
    FIRST_HYPERPARAMETERS,
    FIRST_REWARD,
    TrainingFiles,
    inheritance,
    new_job,
    numbered_folders,
    resumed_job,
    tracks_of,
)
from deepracer_fast.training.iterations import PPO, TEACHER
from deepracer_fast.training.job import TrainingJob
from deepracer_fast.training.stop_request import StopRequest, graceful_stop
from deepracer_fast.training.train import Training
from deepracer_fast.world.randomization import FOR_THE_CAR

SLOW_REWARD = (
    f"reward: {FIRST_REWARD}, as none was given; it pays a slow lap more than a fast one. Those of "
    "--reward follow_center_line_fast and --reward progress drive faster"
)

LEAST_SECONDS_OF_LAPS = 30.0
"""For five greedy laps on one track after a training, however short that was."""


def run_training(
    course: CourseOptions,
    model: ModelOptions,
    run: RunOptions,
    hosts: HostOptions,
    resume: bool = False,
    for_the_car: bool = False,
) -> None:
    """Trains, evaluates the best checkpoint over five laps, and says where the model is.

    Raises:
        DeepRacerError: anything that cannot be used; nothing has been overwritten then.
    """
    files, settings = TrainingFiles(**vars(model)), course.settings() | given(run)
    if for_the_car:
        # One clean evaluation says little where each of its laps is driven in another world.
        settings = {"stop_after": 0} | settings | {"randomization": FOR_THE_CAR}
    elif (resume or model.pretrained) and run.minutes is not None:
        settings = {"stop_after": 0} | settings  # it may lap already, and is to become better
    invited = invitation(**vars(hosts))
    keep_compiled_programs()
    console = Console(file=cast(TextIO, UnbreakableStream(sys.stdout)))
    if resume and files.pretrained:
        raise ConfigError("--pretrained begins a new model and --resume goes on with one: drop one")
    team = _team_of(invited, console)
    job = resumed_job(files, settings) if resume else new_job(files, settings)
    agree_on(team, job)
    if not team.leads:
        _follow(console, job, resume, team)
        return
    say(console, *_remarks(job))
    named = resume or files.model is not None
    before = _evaluate_parent(console, job, job.parent, named) if job.parent else []
    with graceful_stop() as stop:
        training = _begin(job, resume, team, stop, named)
        if model.reward is None and job.parent is None and not resume:
            say(console, SLOW_REWARD)
        for driven in before:
            _keep_evaluation(job, driven)
        _train(console, training, stop)
    say(console, *(f"{each.title}: {evaluation_summary(each.laps)}" for each in before))
    _conclude(console, training, stop, files.hyperparameters)


def _begin(job: TrainingJob, resume: bool, team: Team, stop: StopRequest, named: bool) -> Training:
    """A training in the job's folder, or in one that is made here and now for nobody else."""
    if named:
        return Training.open(job, resume, stop.requested, team)
    job = replace(job, folder=_claimed_folder(job.config.course.tracks[0]))
    try:
        training = Training.open(job, resume, stop.requested, team)
    except BaseException:
        shutil.rmtree(job.folder.path, ignore_errors=True)
        raise
    training.made_folder = True
    return training


def _conclude(
    console: Console, training: Training, stop: StopRequest, hyperparameters: Path | None
) -> None:
    """Shows how the best checkpoint laps, and where the model is."""
    job = training.job
    say(console, *job.reward.notes, training.ended_by)
    say(console, *_who_used_hyperparameters(training, hyperparameters))
    if not stop.hurried:
        if training.row is None:
            seconds = _seconds_of_laps(job.config)
            laps = f"five greedy laps with the best checkpoint, for at most {seconds:.0f} s"
            where = "from the start line on; those before began at rest all around the track"
            say(console, f"Driving {laps}, {where}. Ctrl-C skips them.")
        with suppress(KeyboardInterrupt):  # the training's result is safe by now
            _evaluate_best(console, job, training.row)
    say(console, f"graph          {job.folder.training_plot}")
    say(console, f"model folder   {job.folder.path}")
    if job.metadata.is_for_the_car:
        say(console, f"model archive  {job.folder.archive}")
    elif job.metadata.sees_track_state:
        say(console, "no archive: a car cannot see the track state that this policy reads")
    else:
        frames = job.metadata.frame_stack
        say(console, f"no archive: a car shows one frame, and this policy reads {frames} at once")


def _train(console: Console, training: Training, stop: StopRequest) -> None:
    """Trains until the end, on the screen."""
    job = training.job
    title = f"{tracks_of(job.config)}, {job.metadata.sees}, {job.reward.name}"
    try:
        with TrainingScreen(console, title, job.config.budget.minutes) as screen:
            stop.when_asked = screen.stopping
            training.run(screen.show)
    except RewardError:
        if training.has_learnt:
            say(console, f"The model up to here is kept in {job.folder.path}")
        elif training.made_folder:  # an untrained model is of no use to anybody
            shutil.rmtree(job.folder.path, ignore_errors=True)
        raise
    except KeyboardInterrupt:
        # XLA may be in the middle of an update: an orderly exit would free what it works on.
        os._exit(130)


def _team_of(invited: Invitation | None, console: Console) -> Team:
    """Waits for the other hosts, if there are any."""
    if invited is None:
        return ALONE
    say(console, f"host {invited.host_id} of {invited.num_hosts}: waiting for the others")
    return meet(invited)


def _follow(console: Console, job: TrainingJob, resume: bool, team: Team) -> None:
    """The part of a host that is not the first."""
    say(console, "training with host 0, which shows how it goes and writes the model")
    with graceful_stop() as stop:
        try:
            steps = follow(job, resume, stop.requested, team)
        except KeyboardInterrupt:
            os._exit(130)
    say(console, f"the training has ended after {steps:,} steps; the model is on host 0")


def _remarks(job: TrainingJob) -> Iterator[str]:
    """What a user may not expect of the files given."""
    if job.parent is not None:
        yield from inheritance(job, job.parent)
    yield from filter(None, [confinement_note()])
    yield from (f"{job.reward.name}, {about}" for about in about_files(job.reward.source))
    for fault in text_faults(read_reward(job.reward.source)) if job.reward.source else ():
        yield f"warning: {job.reward.name}, line {fault.span.line}: {fault.what}"
    for key in job.hyperparameters.ignored:
        yield f"hyperparameters: {key} is unknown and has no effect"
    without = dict.fromkeys(WITHOUT_EFFECT, "as in the original")
    if not job.config.collection.whole_episodes:
        without["num_episodes_between_training"] = "but with --collection episodes"
    for key, why in without.items():
        if getattr(job.hyperparameters, key) != getattr(Hyperparameters, key):
            yield f"hyperparameters: {key} has no effect, {why}"


def _who_used_hyperparameters(training: Training, file: Path | None) -> Iterator[str]:
    """Which stages did, and the way where a file's numbers counted for less than it seems."""
    job, stages = training.job, training.stages
    teachers = [f"teacher ({', '.join(OF_A_TEACHER)})"] * (TEACHER in stages)
    users = teachers + ["PPO (all)"] * (PPO in stages)
    yield f"hyperparameters were used by {' and '.join(users) or 'no stage'}"
    own = vars(job.hyperparameters)
    changed = [key for key in OF_PPO if own[key] != getattr(FIRST_HYPERPARAMETERS, key)]
    if file is not None and changed and TEACHER in stages and PPO not in stages:
        later = "" if job.config.randomization.is_on else ", or goes on to it with --stop-after 0"
        yield (
            f"warning: {', '.join(changed)} of {file} had no effect: only PPO reads them, and it "
            f"did not run. A training begins with PPO with --no-teacher{later}"
        )


def _claimed_folder(track: str) -> ModelFolder:
    """A folder that did not exist, so that a training that begins at the same time has another."""
    for path in numbered_folders(track):
        folder = ModelFolder(path)
        if folder.make():
            return folder
    raise AssertionError("there is always another number")


@dataclass(frozen=True)
class _Driven:
    """Greedy laps on one track, what they are called, and the trace with the car that drove."""

    title: str
    track: Track
    laps: list[Lap]
    trace: Trace
    car: int = 0

    @property
    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The rows of their simtrace."""
        car = slice(self.car, self.car + 1)
        return simtrace_columns(self.trace, self.track.waypoints, car)


def _evaluate_parent(
    console: Console, job: TrainingJob, parent: Parent, named: bool
) -> list[_Driven]:
    """Shows five greedy laps of the policy that a clone begins with, on each track."""
    if named:
        job.folder.refuse_a_model()  # before anybody waits
    say(console, f"Driving five greedy laps with {parent.name}, before it learns.")
    model, driven = parent.model, []
    for name in job.config.course.tracks:
        track = load_track(name)
        result = _five_laps(console, job.config, model, track)
        title = f"{parent.name} before, on {track.title}"
        driven.append(_Driven(title, track, result.laps, result.trace))
        _show_laps(console, driven[-1], model.metadata.action_space)
    return driven


def _five_laps(
    console: Console, config: TrainConfig, model: Model, track: Track
) -> EvaluationResult:
    """Greedy laps, for a while: a policy that leaves the track again and again needs minutes."""
    options = _race_options(config)
    ends = time.monotonic() + _seconds_of_laps(config)

    with console.status("") as status:

        def watch(laps: int, progress: float) -> bool:
            status.update(f"lap {laps + 1} of {options.laps}: {progress:.0f} %")
            return time.monotonic() < ends

        return evaluate_model(model, track, options, watch)


def _seconds_of_laps(config: TrainConfig) -> float:
    """What five laps on one track may take: a tenth of the time limit, or a little more."""
    return max(LEAST_SECONDS_OF_LAPS, 6.0 * config.budget.minutes)


def _race_options(config: TrainConfig) -> EvaluationOptions:
    return EvaluationOptions(
        threads=config.threads,
        car_version=config.car_version,
        race=config.race,
        driving_direction=config.course.driving_direction,
    )


def _evaluate_best(console: Console, job: TrainingJob, row: Row | None) -> None:
    """Five greedy laps of the best checkpoint on each track, shown and kept in the folder.

    ``row`` are these laps, if the training has driven them.
    """
    model = None if row else load_model(job.folder.path)
    for index, name in enumerate(job.config.course.tracks):
        track = load_track(name)
        title = f"Evaluation on {track.title}"
        if row:
            driven = _Driven(title, track, row.laps[index], row.trace, index)
        else:
            assert model is not None
            result = _five_laps(console, job.config, model, track)
            driven = _Driven(title, track, result.laps, result.trace)
        _keep_evaluation(job, driven)
        _show_laps(console, driven, job.metadata.action_space)


def _keep_evaluation(job: TrainingJob, driven: _Driven) -> None:
    folder = job.folder
    stamp = folder.new_evaluation(datetime.now())
    write_simtrace(folder.evaluation_simtrace(stamp), driven.columns)
    metrics = [lap.metrics(trial) for trial, lap in enumerate(driven.laps, start=1)]
    write_evaluation_metrics(folder.evaluation_metrics(stamp), metrics)


def _show_laps(console: Console, driven: _Driven, space: ActionSpace) -> None:
    clean = sum(lap.is_clean for lap in driven.laps)
    title = f"{driven.title}: {clean} of {len(driven.laps)} laps clean"
    console.print(lap_table(driven.laps, title))
    say(console, *driving_habits(driven.columns, space).lines(space))
