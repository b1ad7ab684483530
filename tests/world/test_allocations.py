"""Nothing allocates in ``step``: a C library that counts goes before the C library's own malloc."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COUNTER = r"""
#include <stddef.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
long allocations;
static void count(void) { __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED); }
void *malloc(size_t n) { count(); return __libc_malloc(n); }
void *calloc(size_t n, size_t size) { count(); return __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { count(); return __libc_realloc(p, n); }
void *aligned_alloc(size_t to, size_t n) { count(); return __libc_memalign(to, n); }
int posix_memalign(void **p, size_t to, size_t n) {
  count();
  *p = __libc_memalign(to, n);
  return *p ? 0 : 12;
}
"""

DRIVE = """
import ctypes, gc, sys
import numpy as np
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.randomization import LARGEST, Randomization
from deepracer_fast.world.simulator import RaceRules, Simulator

counter = ctypes.c_long.in_dll(ctypes.CDLL(None), "allocations")
assert counter.value > 1000, "malloc is counted"
num_cars, race_type, *sensors = int(sys.argv[1]), *sys.argv[2:]
race = RaceConfig(race_type, randomize_obstacle_locations=True, is_lane_change=True)
simulator = Simulator(
    "Oval_track", num_cars, threads=3, sensors=sensors,
    rules=RaceRules(random_start=True, number_of_resets=1, max_steps=60, race=race),
    randomization=Randomization(**LARGEST),
)
simulator.reset()
gc.disable()
actions = np.full((num_cars, 2), [25.0, 4.0], np.float32)  # cars leave the road and begin anew
step = simulator._core.step
step(actions)
allocations = ended = 0
for _ in range(80):
    before = counter.value
    step(actions)
    allocations += counter.value - before
    ended += int((simulator._core.terminated | simulator._core.truncated).sum())
print(allocations / 80, ended)
"""
PER_CALL = 2  # pybind11 keeps two vectors of a call's arguments


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if platform.libc_ver()[0] != "glibc" or compiler is None:
        pytest.skip("counting needs glibc and a C compiler")
    if "LD_PRELOAD" in os.environ:
        pytest.skip("a sanitizer counts already")
    library = tmp_path_factory.mktemp("counter") / "counter.so"
    command = [compiler, "-x", "c", "-shared", "-fPIC", "-O1", "-fno-builtin", "-o", library, "-"]
    subprocess.run(command, input=COUNTER, text=True, check=True)
    return library


@pytest.mark.parametrize("num_cars", [2, 100])
@pytest.mark.parametrize(
    "race",
    [
        ("TIME_TRIAL", "FRONT_FACING_CAMERA"),
        ("OBJECT_AVOIDANCE", "STEREO_CAMERAS", "SECTOR_LIDAR"),
        ("HEAD_TO_BOT", "FRONT_FACING_CAMERA", "DISCRETIZED_SECTOR_LIDAR"),
        ("HEAD_TO_MODEL", "FRONT_FACING_CAMERA", "LIDAR"),
    ],
    ids=lambda race: race[0],
)
def test_nothing_allocates_in_a_step(
    race: tuple[str, ...], num_cars: int, counter: Path, own_process: dict[str, str]
) -> None:
    environment = own_process | {"LD_PRELOAD": str(counter)}
    command = [sys.executable, "-c", DRIVE, str(num_cars), *race]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    allocations, ended = map(float, run.stdout.split())
    assert ended >= num_cars, "every car begins anew"
    assert allocations <= PER_CALL
