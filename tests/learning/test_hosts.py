"""Promises of ``learning.hosts`` and of a training over two hosts, both on this machine."""

import json
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from deepracer_fast.errors import ConfigError, DeepRacerError, HostLostError
from deepracer_fast.files.action_space import DiscreteActionSpace
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import TRACK_STATE, ModelMetadata
from deepracer_fast.learning import hosts
from deepracer_fast.learning.hosts import ALONE, Invitation, Team, agree, invitation, meet
from deepracer_fast.learning.learner import Learner, LearnerOptions
from deepracer_fast.policy.networks import exact_implementation, network_spec
from deepracer_fast.reward import load_reward
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.course import Cars, Course
from deepracer_fast.training.job import TrainingJob
from deepracer_fast.training.train import Training
from deepracer_fast.world.sensors import TRACK_STATE_WIDTH
from deepracer_fast.world.simulator import RaceRules

METADATA = ModelMetadata(DiscreteActionSpace((-30.0, 30.0), (1.0, 1.0)), sensors=(TRACK_STATE,))

LEARNS = """
    import sys, jax, numpy as np
    from deepracer_fast.driving.collect import Rollout
    from deepracer_fast.learning.hosts import ALONE, Invitation, meet
    from deepracer_fast.files.hyperparameters import Hyperparameters
    from deepracer_fast.learning.learner import Learner, LearnerOptions
    from deepracer_fast.policy.networks import NetworkSpec
    from deepracer_fast.world.simulator import TRACK_STATE_SIZE

    coordinator, path, *parts = sys.argv[1:]
    parts = [int(part) for part in parts]
    together = len(parts) > 1
    team = ALONE if together else meet(Invitation(coordinator, 2, parts[0]))
    spec = NetworkSpec((("LIDAR", (64,)),), "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 3, False)
    options = LearnerOptions(spec, Hyperparameters(batch_size=64, num_epochs=2), seed=parts[0])
    learner = Learner(options, team)  # the second host begins with other parameters
    learner.follow_first_host()

    def rollout(iteration, part, samples):
        rng, shape = np.random.default_rng([iteration, part]), (4, 16)
        return dict(
            observation={"LIDAR": rng.normal(size=(*shape, 64)).astype(np.float32)},
            track_state=np.zeros((5, 16, TRACK_STATE_SIZE), np.float32),
            action=rng.integers(0, 3, shape).astype(np.int32),
            log_prob=np.full(shape, np.log(1 / 3), np.float32),
            reward=rng.normal(1 + part, 1, shape).astype(np.float32),
            ended=np.ones(shape, bool),
            valid=rng.permutation(64).reshape(shape) < samples,
        )

    def joined(arrays):
        if len(arrays) == 1:
            return arrays[0]
        if isinstance(arrays[0], dict):
            return {name: joined([array[name] for array in arrays]) for name in arrays[0]}
        long = [array[:4] for array in arrays[:-1]]  # states are one more than steps
        return np.concatenate([*long, arrays[-1]])

    saved = {}
    for iteration in range(2 if together else 3):
        # In the last one the hosts have not as many, as it may be with whole episodes.
        numbers = [40 + (5 * part if iteration == 2 else 0) for part in parts]
        parted = [rollout(iteration, *each) for each in zip(parts, numbers)]
        learner.learn(Rollout(**joined(parted), num_steps=4))
        leaves = jax.tree.leaves(learner.policy)
        saved |= {f"{iteration} {i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
    np.savez(path, **saved)
"""


def free_port() -> int:
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


# What the hosts say to each other, in one process ------------------------------------------------


@pytest.fixture
def no_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hosts meet; this process's JAX stays as it is."""
    monkeypatch.setattr(jax.distributed, "initialize", lambda *_, **__: None)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The calls' results, or what they raised."""
    results: list[Any] = [None] * len(calls)

    def run(place: int) -> None:
        try:
            results[place] = calls[place]()
        except DeepRacerError as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    return results


@pytest.fixture
def teams(no_jax: None) -> Iterator[list[Team]]:
    """Three hosts that have met; the last came first."""
    place = f"localhost:{free_port()}"
    found = at_once(*(lambda k=k: meet(Invitation(place, 3, k)) for k in (2, 1, 0)))
    yield found[::-1]
    for team in found:
        team.leave()


def test_all_hosts_hear_the_same_in_their_order(teams: list[Team]) -> None:
    said = [0.1, float("inf"), {"a": [1]}]
    heard = at_once(*(lambda k=k: teams[k].gather(said[k]) for k in range(3)))
    assert heard == [said] * 3
    assert [team.leads for team in teams] == [True, False, False]


def test_one_host_alone_hears_itself() -> None:
    assert ALONE.gather(("its", "own")) == [("its", "own")]


def test_a_host_that_has_another_file_is_named_on_all_hosts(teams: list[Team]) -> None:
    things = [{"reward function": "a", "config": "c"}] * 2 + [{"reward function": "b"}]
    raised = at_once(*(lambda k=k: agree(teams[k], things[k]) for k in range(3)))
    message = "host 2 has another reward function, config than host 0: give all hosts the same"
    assert [str(error)[: len(message)] for error in raised] == [message] * 3


def test_a_host_that_is_gone_is_named(teams: list[Team]) -> None:
    teams[2].leave()
    with pytest.raises(HostLostError, match="host 2 is gone"):
        teams[0].check()

    def lead() -> None:
        try:
            teams[0].gather(0)
        finally:
            teams[0].leave()

    first, other = at_once(lead, lambda: teams[1].gather(0))
    assert [type(error) for error in (first, other)] == [HostLostError] * 2
    assert "host 2 is gone" in str(first)
    assert "host 0 is gone" in str(other)


def test_hosts_that_do_not_come_are_named(no_jax: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "MEETING_SECONDS", 0.3)
    place = f"localhost:{free_port()}"
    with pytest.raises(ConfigError, match=r"hosts 1, 2 did not come to port \d+ within 0 s"):
        meet(Invitation(place, 3, 0))
    with pytest.raises(ConfigError, match=f"host 0 was not at {place} within"):
        meet(Invitation(place, 3, 1))
    chief, guest = at_once(*(lambda k=k: meet(Invitation(place, 3, k)) for k in (0, 1)))
    assert "host 2 did not come" in str(chief)
    assert "host 0 at" in str(guest)
    assert "has given up" in str(guest) or "was not at" in str(guest)


def test_a_port_that_is_taken_is_refused(no_jax: None) -> None:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} cannot be used here"):
            meet(Invitation(f"localhost:{port}", 2, 0))


def test_a_host_with_the_wrong_numbers_is_refused_and_may_come_again(no_jax: None) -> None:
    place = f"localhost:{free_port()}"

    def mistaken() -> list[Any]:
        answers = []
        for number, host in ((3, 1), (2, 1)):
            answers += at_once(lambda n=number, k=host: meet(Invitation(place, n, k)))
        return answers

    team, (refused, guest) = at_once(lambda: meet(Invitation(place, 2, 0)), mistaken)
    assert str(refused) == "--num-hosts is 2 on host 0 and 3 here"
    assert (team.count, guest.count, guest.index) == (2, 2, 1)
    team.leave()
    guest.leave()


def test_a_stranger_at_the_port_is_ignored(no_jax: None) -> None:
    port = free_port()

    def stranger_first() -> Team:
        while True:
            try:
                with socket.create_connection(("localhost", port)) as stranger:
                    stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
                break
            except OSError:
                time.sleep(0.05)
        return meet(Invitation(f"localhost:{port}", 2, 1))

    team, guest = at_once(lambda: meet(Invitation(f"localhost:{port}", 2, 0)), stranger_first)
    assert team.count == guest.count == 2
    team.leave()
    guest.leave()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("localhost:1234", None, 0), "go together: give all three"),
        ((None, 2, 0), "go together"),
        (("localhost", 2, 0), "--coordinator must be HOST:PORT of host 0, got 'localhost'"),
        (("localhost:0", 2, 0), "--coordinator must be HOST:PORT"),
        (("localhost:99999", 2, 0), "--coordinator must be HOST:PORT"),
        (("localhost:1234", 1, 0), "--num-hosts must be at least 2, got 1"),
        (("localhost:1234", 2, 2), r"--host-id must lie in 0..1, got 2"),
        (("localhost:1234", 2, -1), r"--host-id must lie in 0..1, got -1"),
    ],
)
def test_an_invitation_that_cannot_be_used_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        invitation(*given)


def test_no_invitation_is_one_host() -> None:
    assert invitation(None, None, None) is None
    assert Invitation("[::1]:80", 2, 1).address == ("::1", 80)


# What several hosts cannot share -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_cars": 5}, "num_cars must be a multiple of the 2 hosts, got 5"),
        ({"collection": "episodes"}, "num_episodes_between_training must be a multiple of the 2"),
        ({"teacher": True}, "a teacher and its lessons run on one host: add --no-teacher"),
    ],
)
def test_what_cannot_be_shared_is_refused_before_anything_is_written(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    job = TrainingJob(
        TrainConfig().updated(**{"num_cars": 4, "teacher": False, **changed}),
        replace(METADATA, sensors=("FRONT_FACING_CAMERA",)),
        Hyperparameters(num_episodes_between_training=3),
        load_reward("def reward_function(params):\n    return 1.0\n"),
        ModelFolder(tmp_path / "model"),
    )
    with pytest.raises(ConfigError, match=message):
        Training.open(job, resume=False, team=Team(0, 2))
    assert not job.folder.path.exists()


def test_a_minibatch_that_cannot_be_shared_is_refused() -> None:
    options = LearnerOptions(network_spec(METADATA), Hyperparameters(batch_size=63))
    with pytest.raises(ConfigError, match="batch_size must be a multiple of the 2 hosts, got 63"):
        Learner(options, Team(0, 2))


def test_the_cars_of_two_hosts_are_those_of_one() -> None:
    course = Course(TrainConfig().updated(more_tracks=("Oval_track",)), METADATA)
    rules = RaceRules(random_start=True)
    halves = [Cars(4, rules, (TRACK_STATE,), seed=3, part=(index, 2)) for index in (0, 1)]
    first, second, whole = (
        course.put(cars).reset().observation[TRACK_STATE].reshape(2, -1, TRACK_STATE_WIDTH)
        for cars in (*halves, Cars(8, rules, (TRACK_STATE,), seed=3))
    )
    assert (np.concatenate([first, second], axis=1) == whole).all()
    assert (first != second).any()


# Two processes -----------------------------------------------------------------------------------


def started(command: list[str], environment: dict[str, str], **more: Any) -> Any:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=pipe, stderr=pipe, text=True, **more
    )


def test_two_hosts_learn_what_two_devices_of_one_do(
    own_process: dict[str, str], tmp_path: Path
) -> None:
    """Sums are in another order: the last bits of float32, over 4 steps of Adam at 3e-4."""
    program, place = textwrap.dedent(LEARNS), f"localhost:{free_port()}"
    float32 = own_process | {"DEEPRACER_FAST_NETWORK": exact_implementation()}
    two = float32 | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    one = float32 | {"XLA_FLAGS": ""}
    running = [
        started(["-c", program, place, str(tmp_path / f"{name}.npz"), *parts], environment)
        for name, parts, environment in (
            ("alone", ("0", "1"), two),
            ("first", ("0",), one),
            ("second", ("1",), one),
        )
    ]
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    alone, first, second = (
        np.load(tmp_path / f"{name}.npz") for name in ("alone", "first", "second")
    )
    assert all((first[name] == second[name]).all() for name in first)
    assert any(name.startswith("2 ") for name in first), "also where one has more samples"
    for name in alone:
        np.testing.assert_allclose(first[name], alone[name], rtol=0.0, atol=1e-5)


def train(place: str, host: int, *more: str) -> list[str]:
    return [
        *("-m", "deepracer_fast.cli", "train", "--track-state", "--num-cars", "4", "--model", "m"),
        *("--stop-after", "0", "--hyperparameters", "few.json", "--config", "rare.toml"),
        *("--coordinator", place, "--num-hosts", "2", "--host-id", str(host), *more),
    ]


def desk(folder: Path) -> Path:
    """A folder with files for the smallest training, whose evaluations are rare."""
    folder.mkdir()
    (folder / "few.json").write_text(json.dumps({"batch_size": 8, "num_epochs": 1}))
    (folder / "rare.toml").write_text("evaluate_every = 1000\nthreads = 1\n")
    return folder


@pytest.mark.slow
def test_two_hosts_train_one_model_that_the_first_writes(
    own_process: dict[str, str], tmp_path: Path
) -> None:
    """Each in a folder of its own; the model of the first is then used."""
    place = f"localhost:{free_port()}"
    folders = [desk(tmp_path / name) for name in ("0", "1")]
    running = [
        started(train(place, host, "--steps", "512"), own_process, cwd=folders[host])
        for host in (1, 0)
    ]
    (followed, errors), (shown, more_errors) = (each.communicate(timeout=300) for each in running)
    assert [each.returncode for each in running] == [0, 0], errors + more_errors
    assert "the training has ended after 512 steps; the model is on host 0" in followed
    assert re.search(r"iteration   4  ppo      steps      512", shown)
    assert not (folders[1] / "m").exists()
    assert (folders[0] / "m" / "model" / "4_Step-512.safetensors").exists()


def test_a_host_that_dies_leaves_one_line_and_a_model_to_resume(
    own_process: dict[str, str], tmp_path: Path
) -> None:
    place, folder = f"localhost:{free_port()}", desk(tmp_path / "desk")
    chief, guest = (started(train(place, host), own_process, cwd=folder) for host in (0, 1))
    while "iteration   1" not in (line := chief.stdout.readline()):
        assert line, chief.stderr.read()
    guest.kill()
    guest.communicate()
    _, errors = chief.communicate(timeout=60)
    assert chief.returncode == 1
    message = r"error: host 1 is gone.*; checkpoint \d+ is in m: start the same command"
    assert re.fullmatch(message + r" with --resume on all hosts", errors.splitlines()[-1])
    assert ModelFolder(folder / "m").recorded_checkpoints() is not None
