"""A simulator in a forked child, and one that several threads share."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from deepracer_fast import _core
from deepracer_fast.world.simulator import Simulator

# Other threads of the tests' own process would come along, so each forks in a process of its own.
START = """
import hashlib, os, signal, sys, threading
import numpy as np
from deepracer_fast import _core
from deepracer_fast.errors import SimulatorError
from deepracer_fast.world.simulator import Simulator

def ended(work):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            work()
        finally:
            sys.stdout.flush()
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

STEPS_IN_BOTH = """
simulator = Simulator("Oval_track", 5, {sensors}, threads=2, engine="{engine}")
def drive():
    global simulator
    for _ in range(3):
        result = simulator.step(np.full((5, 2), [4.0, 2.0]))
    digest = hashlib.sha256(simulator.vehicle_states().tobytes())
    for array in (*result.params.values(), *result.observation.values()):
        digest.update(array.tobytes())
    print(digest.hexdigest())
    del simulator, result
print(ended(drive), flush=True)
print(ended(lambda: print(ended(drive))), flush=True)
drive()
"""

AMID_A_STEP = """
simulator = Simulator("Oval_track", 64, threads=2)
actions = np.full((64, 2), [4.0, 2.0])
stop = threading.Event()
def step_on():
    while not stop.is_set():
        simulator.step(actions)
def try_to_step():
    try:
        simulator.step(actions)
    except SimulatorError as error:
        assert "make a new simulator in the child" in str(error)
    Simulator("Oval_track", 2, threads=2).reset()
thread = threading.Thread(target=step_on)
thread.start()
print({ended(try_to_step) for _ in range(12)})
stop.set()
thread.join()
"""

AMID_A_TURN = """
turns, taken, done = _core.Turns(), threading.Event(), threading.Event()
def hold():
    with turns:
        taken.set()
        done.wait()
thread = threading.Thread(target=hold)
thread.start()
taken.wait()
def enter():
    try:
        with turns:
            print("entered")
    except SimulatorError as error:
        print(error)
print(ended(enter), flush=True)
done.set()
thread.join()
with turns:
    print("free")
"""


def output_of(script: str, environment: dict[str, str]) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START + script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert not run.stderr
    return run.stdout.splitlines()


@pytest.mark.parametrize(
    ("engine", "sensors"), [("native", ["FRONT_FACING_CAMERA", "LIDAR"]), ("numba", [])]
)
def test_a_forked_child_steps_to_the_bytes_of_its_parent(
    engine: str, sensors: list[str], own_process: dict[str, str]
) -> None:
    script = STEPS_IN_BOTH.format(engine=engine, sensors=sensors)
    child, status, grandchild, *statuses, parent = output_of(script, own_process)
    assert [status, *statuses] == ["0", "0", "0"]
    assert child == grandchild == parent


def test_a_fork_amid_steps_of_another_thread_leaves_no_child_waiting(
    own_process: dict[str, str],
) -> None:
    assert output_of(AMID_A_STEP, own_process) == ["{0}"]


def test_a_child_is_told_that_another_thread_had_its_turn(own_process: dict[str, str]) -> None:
    message, status, parent = output_of(AMID_A_TURN, own_process)
    assert "forked while another thread was stepping this simulator" in message
    assert (status, parent) == ("0", "free")


def test_threads_that_share_a_simulator_take_turns() -> None:
    shared, alone = (Simulator("Oval_track", 6, threads=2, frame_stack=2) for _ in range(2))
    actions = np.full((6, 2), [5.0, 2.0], np.float32)

    def drive() -> None:
        for _ in range(40):
            shared.step(actions)
            shared.vehicle_states()

    threads = [threading.Thread(target=drive) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(120):
        expected = alone.step(actions)
    result = shared._result
    np.testing.assert_array_equal(shared.vehicle_states(), alone.vehicle_states())
    for name, column in expected.params.items():
        np.testing.assert_array_equal(result.params[name], column, err_msg=name)
    for name, seen in expected.observation.items():
        np.testing.assert_array_equal(result.observation[name], seen)


def test_the_core_itself_lets_threads_take_turns() -> None:
    core = Simulator("Oval_track", 4, (), threads=2)._core
    actions = np.full((4, 2), [5.0, 2.0], np.float32)
    threads = [
        threading.Thread(target=lambda: [core.step(actions) for _ in range(200)]) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    core.step(actions)
    assert core.params["sim_time"] == pytest.approx(600 / 15, rel=1e-5)
    assert isinstance(core, _core.Simulator)
