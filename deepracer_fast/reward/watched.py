"""A reward function in plain Python, with an eye on the ways through it that its calls take.

In: a `RewardSource`, then params columns. Out: rewards, and the branches that no call took.
Neighbours: `branches` lists and marks them, `sandbox` runs it, confined like any other; `validate`
drives it beside the compiled code, which tells nothing of its ways.
"""

import numpy as np
import numpy.typing as npt

from deepracer_fast.reward.branches import Branch, branches_of
from deepracer_fast.reward.loading import RewardSource
from deepracer_fast.reward.params_table import Columns
from deepracer_fast.reward.sandbox.process import Sandbox


class WatchedReward:
    """One process for all cars.

    Args:
        source: of a file or text.
        time_limit: as `load_reward` takes it.

    Attributes:
        prints: how often ``print`` was called, in vain.

    Raises:
        RewardError: it cannot be used.
    """

    def __init__(self, source: RewardSource, time_limit: float) -> None:
        self._most_cars = 0
        self.prints = 0
        self._worker = Sandbox(source, time_limit)
        self._worker.load(compile_too=False, marked=True)
        self._branches = branches_of(source.text)

    def run(self, params: Columns, cars: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The rewards of some cars, each of which has a module of its own.

        Raises:
            RewardError: the function failed.
        """
        self._most_cars = max(self._most_cars, 1 + int(cars.max(initial=-1)))
        self._worker.run(params, cars, some=True)
        rewards, self.prints = self._worker.rewards(len(cars))
        return rewards

    def missed(self) -> list[Branch]:
        """The branches that no call took, by line; not those within another of them."""
        taken = self._worker.marks(len(self._branches))
        outermost = [
            branch
            for branch, is_taken in zip(self._branches, taken, strict=True)
            if not is_taken and (branch.within is None or taken[branch.within])
        ]
        return sorted(outermost, key=lambda branch: branch.line)

    def forget(self) -> None:
        """Each car begins anew with a module as it is after loading."""
        self._worker.ask({"do": "forget", "cars": list(range(self._most_cars))}, [])

    def close(self) -> None:
        """Ends the process."""
        self._worker.close()
