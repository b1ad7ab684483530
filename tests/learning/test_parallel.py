"""Promises of ``learning.parallel``, on a CPU that is cut into four devices."""

import json
import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import json, jax, numpy as np
    from deepracer_fast.driving.collect import Rollout
    from deepracer_fast.files.hyperparameters import Hyperparameters
    from deepracer_fast.learning.learner import Learner, LearnerOptions
    from deepracer_fast.policy.networks import NetworkSpec
    from deepracer_fast.world.simulator import TRACK_STATE_SIZE

    spec = NetworkSpec((("LIDAR", (64,)),), "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 3, False)
    learner = Learner(LearnerOptions(spec, Hyperparameters(batch_size=32, num_epochs=2)))
    rng = np.random.default_rng(0)
    curve = []
    for iteration in range(12):  # the right action is the index of the largest of three readings
        seen = rng.normal(size=(8, 32, 64)).astype(np.float32)
        answers = [learner.explore({"LIDAR": row}) for row in seen]
        action = np.stack([answer[0] for answer in answers])
        reward = (action == seen[..., :3].argmax(-1)).astype(np.float32)
        curve.append(float(reward.mean()))
        learner.learn(Rollout(
            observation={"LIDAR": seen},
            track_state=np.zeros((9, 32, TRACK_STATE_SIZE), np.float32),
            action=action,
            log_prob=np.stack([answer[1] for answer in answers]),
            reward=reward,
            ended=np.ones((8, 32), bool),
            valid=rng.random((8, 32)) < 0.7,
            num_steps=8,
        ))
    devices = {len(leaf.devices()) for leaf in jax.tree.leaves(learner.policy)}
    print(json.dumps([jax.local_device_count(), sorted(devices), curve]))
"""


def learning_curve(environment: dict[str, str], devices: int) -> list[float]:
    """Mean rewards of a short training in a process of its own; all its devices take part."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        env=environment | {"XLA_FLAGS": flags},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found, spread, curve = json.loads(done.stdout)
    assert (found, spread) == (devices, [devices])
    return [float(reward) for reward in curve]


def test_four_devices_learn_as_one_does(own_process: dict[str, str]) -> None:
    """The same rollout at first; then each curve has its own noise, 0.03 for 256 samples."""
    alone, together = (learning_curve(own_process, count) for count in (1, 4))
    assert together[0] == alone[0]
    assert alone[-1] > alone[0] + 0.2
    assert sum(together[-4:]) / 4 == pytest.approx(sum(alone[-4:]) / 4, abs=0.06)
