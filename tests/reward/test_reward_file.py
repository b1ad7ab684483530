"""A reward function's file as it lies there: its encoding, its size, and what it may return."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import cache, load_reward
from deepracer_fast.reward.probe import probe_batches

BATCH: dict[str, Any] = probe_batches(2, 1)[0]


def rewards_of(source: str | Path) -> list[float]:
    rewards: list[float] = load_reward(source)(BATCH).tolist()
    return rewards


def failure(source: str | Path) -> str:
    with pytest.raises(RewardError) as caught:
        load_reward(source)(BATCH)
    return str(caught.value)


KOREAN = "# -*- coding: cp949 -*-\n# 보상 함수\ndef reward_function(params):\n    return 1.5\n"


def test_a_file_is_read_by_the_encoding_that_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_bytes(KOREAN.encode("cp949"))
    reward = load_reward(path)
    assert reward.source == KOREAN
    assert reward(BATCH).tolist() == [1.5] * 2


def test_the_file_of_another_encoding_is_a_reward(shared: Path) -> None:
    reward = load_reward(shared / "cases" / "rewards" / "declared_cp949.py")
    assert reward(BATCH).tolist() == [1.0] * 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"# coding: cp949\n#\xff\n", "line 2: a reward function must be in the encoding that it "),
        (b"# coding: klingon\n", "must be in an encoding that Python reads, unknown encoding: kl"),
        (b"# coding: rot13\n", "must be in an encoding that Python reads, 'rot13' is not a text"),
        (b"# coding: punycode\n", "must be in an encoding that Python reads, unknown encoding: pu"),
    ],
)
def test_bytes_that_are_not_what_they_declare_are_refused(
    data: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "reward.py"
    path.write_bytes(data + b"def reward_function(params): return 1\n")
    assert message in failure(path)


def test_a_text_that_no_file_could_hold_is_refused() -> None:
    assert "must hold what its own coding line declares" in failure(KOREAN + "# \u0e01\n")


def test_a_pipe_or_a_file_without_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "must be a file, found a pipe" in failure(tmp_path / "pipe")
    assert "must be a file, found a device" in failure(Path("/dev/zero"))
    with open(tmp_path / "long.py", "wb") as file:
        file.truncate(10**10)
    assert "must have at most 4,000,000 bytes, found 10,000,000,000" in failure(
        tmp_path / "long.py"
    )


@pytest.mark.parametrize(
    "value",
    [
        "np.float32(2.5)",
        "np.array(2.5)",
        "np.array([2.5])",
        "np.array([[2.5]], np.float32)",
        "np.matrix([[2.5]])",
        "np.array([2.5], object)",
        "np.ma.array([2.5])",
        "'2.5'",
    ],
)
def test_what_float_took_under_the_originals_numpy_is_a_reward(value: str) -> None:
    text = f"import numpy as np\ndef reward_function(params):\n    return {value}\n"
    interpreted = text.replace("return", "id(params)\n    return")
    for source in (text, text, interpreted):  # fresh, from the cache, and in Python
        assert rewards_of(source) == [2.5] * 2


@pytest.mark.parametrize("name", ["numpy_array_of_one", "numpy_float32"])
def test_a_cached_reward_of_numpy_is_the_fresh_one(shared: Path, name: str) -> None:
    for _ in range(2):
        reward = load_reward(shared / "cases" / "rewards" / f"{name}.py")
        for _ in range(130):  # calls are compared with plain Python after 64
            assert reward(BATCH).tolist() == BATCH["speed"].astype(np.float32).tolist()


def test_an_array_of_two_is_no_reward() -> None:
    text = "import numpy as np\ndef reward_function(params):\n    return np.array([1.0, 2.0])\n"
    assert "must return a number, it returned ndarray array([1., 2.])" in failure(text)


def test_an_int_of_thousands_of_digits_is_no_reward() -> None:
    assert "must return a number" in failure("def reward_function(p):\n    return 10 ** 5000\n")


def test_the_same_text_in_another_folder_is_the_same_reward(tmp_path: Path) -> None:
    """As the copy in a model folder is: code from the cache meets a module of another path."""
    source = (
        "last = {'steps': 0.0}\ndef reward_function(params):\n"
        "    last['steps'] += 1.0\n    return last['steps']\n"
    )
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "reward.py").write_text(source)
        reward = load_reward(tmp_path / folder / "reward.py")
        assert reward.mode == "compiled", reward.reason
        found = [reward(BATCH)[0] for _ in range(130)]  # some of them are checked in plain Python
        assert found == list(range(1, 131))


@pytest.mark.parametrize("line", ["here = __file__", "rows = list(open(__file__))"])
def test_code_that_depends_on_more_than_its_text_is_not_kept(tmp_path: Path, line: str) -> None:
    path = tmp_path / "reward.py"
    path.write_text(f"{line}\ndef reward_function(params):\n    return 1.0\n")
    load_reward(path)
    assert cache.find(path.read_text()) is None
