"""The source line that an error shows, cut to what fits around its caret."""

import pytest

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.probe import probe_batches


def failure(source: str) -> str:
    with pytest.raises(RewardError) as caught:
        load_reward(source)(probe_batches(1, 1)[0])
    return str(caught.value)


def test_a_long_line_is_cut_around_the_caret() -> None:
    source = f"def reward_function(params):\n    return {'1 + ' * 200}1 / 0{' + 1' * 200}\n"
    shown, carets = failure(source).split("\n")[1:3]
    assert len(shown) <= 110 and shown.startswith("    ...") and shown.endswith("...")
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "1 / 0"


@pytest.mark.parametrize("before", [48, 49, 50, 51, 60])
def test_a_line_that_fits_is_shown_from_its_first_letter(before: int) -> None:
    shown = f"return {'1+'.rjust(before - 7, '0')}1 / 0"
    assert failure(f"def reward_function(params):\n    {shown}\n").split("\n")[1] == f"    {shown}"


def test_a_line_that_is_cut_says_on_which_side() -> None:
    source = f"def reward_function(params):\n    return 1 / 0{' + 1' * 40}\n"
    shown, _ = failure(source).split("\n")[1:3]
    assert shown.startswith("    return 1 / 0") and shown.endswith("...")
