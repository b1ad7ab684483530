"""Is the training learning? Warnings for what usually goes wrong, with what people change then.

In: the measures of each iteration. Out: sentences, each at most once in a while. Neighbours:
``train`` asks after each iteration and shows them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping

from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.policy.networks import NetworkSpec

PATIENCE = 12  # iterations over which progress is compared, and between two equal warnings
FLAT = 2.0  # percent of a lap: less than this is no progress
LAPPING = 80.0  # percent: above it progress has little room to rise
COLLAPSED = 0.05  # of the entropy of choosing evenly
LARGE_KL = 0.1  # nats an iteration; PPO is usually kept below 0.02


class Health:
    """Watches one training; the warnings say how its hyperparameters stand."""

    def __init__(self, hyperparameters: Hyperparameters, spec: NetworkSpec) -> None:
        self._hyperparameters, self._spec = hyperparameters, spec
        self._progress: deque[float] = deque(maxlen=PATIENCE + 1)
        self._silent_until: dict[str, int] = {}
        self._iteration = 0

    def warnings(self, measures: Mapping[str, float], mean_progress: float) -> Iterator[str]:
        """What is worth a warning after one more iteration.

        Args:
            measures: of the update.
            mean_progress: of the episodes that ended, percent; NaN where none did.
        """
        self._iteration += 1
        if not math.isnan(mean_progress):
            self._progress.append(mean_progress)
        for text in filter(None, (self._flat(), self._collapsed(measures), self._jumpy(measures))):
            kind = text[:20]
            if self._iteration >= self._silent_until.get(kind, 0):
                self._silent_until[kind] = self._iteration + PATIENCE
                yield f"warning: {text}"

    def _flat(self) -> str:
        if len(self._progress) <= PATIENCE:
            return ""
        half = PATIENCE // 2
        values = list(self._progress)
        gained = sum(values[-half:]) / half - sum(values[:half]) / half
        if gained >= FLAT or values[-1] >= LAPPING:
            return ""
        return (
            f"progress has been flat for {PATIENCE} iterations ({values[-1]:.0f} % of a lap). "
            "People then make the reward function pay more for getting ahead, offer slower "
            "actions, or raise beta_entropy "
            f"(now {self._hyperparameters.beta_entropy:g})"
        )

    def _collapsed(self, measures: Mapping[str, float]) -> str:
        entropy = measures.get("entropy", math.nan)
        if self._spec.continuous or not entropy < COLLAPSED * math.log(self._spec.num_actions):
            return ""
        return (
            f"the policy hardly explores any more (entropy {entropy:.2f}). If its laps are not "
            f"good yet, raise beta_entropy (now {self._hyperparameters.beta_entropy:g}) or lower "
            f"lr (now {self._hyperparameters.lr:g})"
        )

    def _jumpy(self, measures: Mapping[str, float]) -> str:
        divergence = measures.get("kl", math.nan)
        if not divergence > LARGE_KL:
            return ""
        return (
            f"the policy changes very much in one iteration (kl {divergence:.2f}). Lower "
            f"lr (now {self._hyperparameters.lr:g}) or "
            f"num_epochs (now {self._hyperparameters.num_epochs})"
        )
