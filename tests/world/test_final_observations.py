"""Promises of ``final_observations``: what a car sees last in an episode that has ended.

The independent way is a twin whose episodes end later: it drives on, and what it sees after the
same actions is the final observation, byte for byte.
"""

from itertools import chain
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepracer_fast.errors import ConfigError
from deepracer_fast.files.model_metadata import TRACK_STATE
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.fleet import Fleet
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.simulator import STATUS_NAMES, RaceRules, Simulator, StepResult

Arrays = dict[str, NDArray[Any]]

FRONT, STEREO = "FRONT_FACING_CAMERA", "STEREO_CAMERAS"
RACE_TYPES = ("TIME_TRIAL", "OBJECT_AVOIDANCE", "HEAD_TO_BOT", "HEAD_TO_MODEL")
CARS = 12
NEVER = 10_000
PROGRESS = 7  # column of the whole track state
EVERYTHING = Randomization(
    surface_grey=0.2,
    light_gain=0.1,
    pixel_noise=4.0,
    blur=0.5,
    camera_pitch=0.05,
    camera_yaw=0.1,
    picture_delay=0.15,
    grip=0.2,
    steering_gain=0.1,
    steering_offset=2.0,
    speed_gain=0.15,
)
# With steps of an episode that end it in each of the three phases of the LIDAR.
SENSORS = [
    ((FRONT, "LIDAR", TRACK_STATE), 22),
    ((STEREO, "LIDAR"), 23),
    ((FRONT, "SECTOR_LIDAR"), 24),
    ((FRONT, "DISCRETIZED_SECTOR_LIDAR"), 23),
]


def simulator(race_type: str = "TIME_TRIAL", **settings: Any) -> Simulator:
    """Cars all over a track, in traffic; ``settings`` are of the rules or of the simulator."""
    race = RaceConfig(
        race_type,
        randomize_obstacle_locations=True,
        randomize_bot_car_locations=True,
        is_lane_change=True,
        lower_lane_change_time=0.2,
        upper_lane_change_time=1.0,
        cars_per_world=3,
        collision_penalty=0.5,
    )
    of_rules = {name: settings.pop(name) for name in RaceRules.__annotations__ if name in settings}
    rules = RaceRules(**{"random_start": True, "off_track_penalty": 0.5, "race": race} | of_rules)
    usual: dict[str, Any] = {"num_cars": CARS, "sensors": (FRONT,), "threads": 1, "seed": 5}
    return Simulator("Oval_track", rules=rules, **usual | settings)


def road() -> Track:
    """2 m straight on."""
    x = np.linspace(0.0, 2.0, 21)
    middle, left = np.column_stack([x, 0 * x]), np.array([0.0, 0.4])
    return Track("road", "", "oval", middle, middle + left, middle - left, is_loop=False)


def commands(steps: int) -> NDArray[np.float32]:
    """Each world its own way, the cars behind faster, so that some crash, some leave the road."""
    draw = np.random.default_rng(0)
    speed = np.tile([2.0, 2.5, 3.5], CARS // 3) + draw.uniform(-0.5, 0.5, (100, CARS))
    middle = np.repeat([-20.0, -4.0, 4.0, 20.0], CARS // 4)
    steering = middle + draw.uniform(-15.0, 15.0, (100, CARS))
    return np.stack([steering, speed], axis=-1).astype(np.float32)[:steps]


def final(result: StepResult) -> Arrays:
    assert result.final_observation is not None
    return result.final_observation


def ended(result: StepResult) -> NDArray[np.bool_]:
    return result.terminated | result.truncated


def assert_same(found: Arrays, wanted: Arrays, rows: Any = slice(None)) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(found[name][rows], wanted[name][rows], name, strict=True)


def first_ends(sim: Simulator, steps: int) -> dict[int, tuple[NDArray[np.bool_], Arrays, set[str]]]:
    """In which step the first episodes of which cars end, what they saw last, and of what."""
    found, driving = {}, np.ones(CARS, bool)
    sim.reset()
    for number, actions in enumerate(commands(steps), 1):
        result = sim.step(actions)
        if (now := ended(result) & driving).any():
            saw = {name: rows.copy() for name, rows in final(result).items()}
            found[number] = now, saw, {STATUS_NAMES[code] for code in result.status[now]}
        driving &= ~now
    return found


@pytest.mark.parametrize("random", [Randomization(), EVERYTHING], ids=["plain", "randomized"])
@pytest.mark.parametrize(("sensors", "steps"), SENSORS)
@pytest.mark.parametrize("race_type", RACE_TYPES)
def test_a_car_sees_last_what_it_would_see_if_it_drove_on(
    race_type: str, sensors: tuple[str, ...], steps: int, random: Randomization
) -> None:
    usual = {"sensors": sensors, "randomization": random, "number_of_resets": 99, "frame_stack": 3}
    sim = simulator(race_type, max_steps=steps, final_observations=True, threads=3, **usual)
    twin = simulator(race_type, **usual)
    sim.reset(), twin.reset()
    compared = waiting = 0
    for episode in range(3):
        for actions in commands(steps):
            result, wanted = sim.step(actions), twin.step(actions)
        assert result.truncated.all()
        # A rule that would hold in the last step comes after the limit of steps.
        goes_on = np.isin(wanted.status, [STATUS_NAMES.index(w) for w in ("in_progress", "pause")])
        size = 3 if race_type == "HEAD_TO_MODEL" else 1
        goes_on = np.repeat(goes_on.reshape(-1, size).all(1), size)  # also for who sees it
        assert_same(final(result), wanted.observation, goes_on)
        compared += goes_on.sum()
        waiting += (wanted.status == STATUS_NAMES.index("pause")).sum()
        for each in (sim, twin):  # together: racers start among each other
            each.begin_episodes(episode + 1)
    assert compared > CARS
    assert waiting, "some wait for their penalty to pass"


@pytest.mark.parametrize("race_type", RACE_TYPES[1:])
def test_what_a_car_sees_last_is_a_matter_of_where_it_is_not_of_the_rule(race_type: str) -> None:
    noisy = Randomization(pixel_noise=4.0, picture_delay=0.15)
    usual = {"sensors": (FRONT, "LIDAR", TRACK_STATE), "randomization": noisy}
    sim = simulator(race_type, final_observations=True, frame_stack=2, **usual)
    causes = set()
    for steps, (cars, saw, statuses) in first_ends(sim, 30).items():
        cut = simulator(race_type, max_steps=steps, final_observations=True, frame_stack=2, **usual)
        assert_same(first_ends(cut, steps)[steps][1], saw, cars)
        causes |= statuses
    assert {"crashed", "off_track"} <= causes


def test_a_car_that_ends_alone_leaves_the_other_rows_alone() -> None:
    usual = {"threads": 2, "sensors": (FRONT, TRACK_STATE), "frame_stack": 2}
    sim, twin = simulator(max_steps=20, final_observations=True, **usual), simulator(**usual)
    sim.reset(), twin.reset()
    before = {name: rows.copy() for name, rows in final(sim.reset()).items()}
    times = {20} | {number + 18 for number in range(3, 7)}
    slowly = commands(30) * np.float32(0.3)
    for number, actions in enumerate(slowly, 1):
        if 3 <= number < 7:  # begins a new episode, in its second step
            for each in (sim, twin):
                each.place([number], 3.0, 0.7 + 0.01 * number, 0.0)
        result, wanted = sim.step(actions), twin.step(actions)
        rows = ended(result)
        assert rows.any() == (number in times)
        assert_same(final(result), wanted.observation, rows)
        assert_same(final(result), before, ~rows)
        before = {name: rows.copy() for name, rows in final(result).items()}


@pytest.mark.parametrize("race_type", RACE_TYPES)
def test_nothing_else_changes_whoever_computes_it(race_type: str) -> None:
    def drive(threads: int, **settings: Any) -> tuple[list[bytes], list[bytes]]:
        sim = simulator(
            race_type,
            threads=threads,
            sensors=(STEREO, "LIDAR", TRACK_STATE),
            frame_stack=2,
            randomization=EVERYTHING,
            number_of_resets=1,
            max_steps=25,
            **settings,
        )
        finals, others = [], []
        for result in chain([sim.reset()], map(sim.step, commands(60))):
            finals += [rows.tobytes() for rows in (result.final_observation or {}).values()]
            outcome = [result.terminated, result.truncated, result.status]
            arrays = [*result.observation.values(), *result.params.values(), *outcome]
            others += [rows.tobytes() for rows in arrays]
        return others, finals

    without, nothing = drive(1)
    assert nothing == []
    with_it, finals = drive(1, final_observations=True)
    assert with_it == without
    for threads in (2, 5):
        again, finals_again = drive(threads, final_observations=True)
        assert again == without
        assert finals_again == finals


def test_a_lap_that_leads_to_the_next_one_ends_as_the_next_one_begins() -> None:
    results = {}
    for continuous in (False, True):
        rules = RaceRules(continuous=continuous)
        sensors = (FRONT, TRACK_STATE)
        sim = Simulator(road(), 1, sensors, 1, rules=rules, frame_stack=2, final_observations=True)
        result = sim.reset()
        while not result.terminated[0]:
            earlier = result.observation[FRONT][..., 1].copy()
            result = sim.step([[2.0, 3.0]])
        assert STATUS_NAMES[result.status[0]] == "lap_complete"
        results[continuous] = result
        assert (final(result)[FRONT][..., 0] == earlier).all()
        assert sim._core.final_track_states[0, PROGRESS] == 1.0
    assert_same(final(results[True]), final(results[False]))
    seen = results[True].observation
    assert (seen[FRONT] == final(results[True])[FRONT][..., 1:]).all()
    assert (seen[TRACK_STATE] == final(results[True])[TRACK_STATE]).all()
    assert (seen[FRONT] != results[False].observation[FRONT]).any()


def test_an_episode_of_one_step_ends_where_it_began() -> None:
    sim = simulator("HEAD_TO_BOT", sensors=(FRONT,), max_steps=1, final_observations=True)
    start = {name: rows.copy() for name, rows in sim.reset().observation.items()}
    result = sim.step(commands(1)[0])
    assert result.truncated.all()
    assert_same(final(result), start)


def test_a_fleet_joins_them() -> None:
    def parts() -> list[Simulator]:
        usual = {"final_observations": True, "sensors": (FRONT, TRACK_STATE), "threads": 1}
        rules = RaceRules(random_start=True, max_steps=15)
        return [
            Simulator(track, cars, rules=rules, **usual)
            for track, cars in (("Oval_track", 5), ("Bowtie_track", 7))
        ]

    fleet, alone = Fleet(parts()), parts()
    together, ends = fleet.reset(), 0
    for each in alone:
        each.reset()
    for actions in commands(40):
        together = fleet.step(actions)
        results = [alone[0].step(actions[:5]), alone[1].step(actions[5:])]
        wanted = [final(result) for result in results]
        joined = {name: np.concatenate([part[name] for part in wanted]) for name in wanted[0]}
        assert_same(final(together), joined)
        ends += ended(together).sum()
    assert ends > CARS


def test_without_the_option_there_are_none() -> None:
    assert simulator().reset().final_observation is None
    assert Fleet([simulator()]).reset().final_observation is None


def test_the_numba_engine_has_none() -> None:
    with pytest.raises(ConfigError, match="engine 'numba' has no final_observations: use engine="):
        simulator(engine="numba", final_observations=True)
