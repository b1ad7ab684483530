"""``hyperparameters.json``: how the learner learns, under the names that the ecosystem uses.

In: the flat JSON object that the console, deepracer-for-cloud and training jobs write (numbers
as strings too, ``"mean_squared_error"`` for ``"mean squared error"``, ``pretrained_*`` keys).
Out: ``Hyperparameters``, every value in its range, and the same file again.

Keys: markov sagemaker_graph_manager.py and constants.py. The original checks no range at all;
those below keep out what cannot train. Neighbours: ``ppo.py`` and ``train.py`` use the values.
"""

import difflib
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from deepracer_fast.checks.file_reading import read_text
from deepracer_fast.checks.json_object import brief, parse_json_object, parse_number
from deepracer_fast.checks.values import MOST, path_of, shown
from deepracer_fast.errors import HyperparameterError, printable

LOSS_TYPES = ("huber", "mean squared error")
EXPLORATION_TYPES = ("categorical", "e-greedy", "additive_noise")
WITHOUT_EFFECT = ("stack_size", "term_cond_avg_score")
"""Keys that the original reads and ignores; so do we."""

_OTHER_NAMES = {
    "learning_rate": "lr",
    "gradient_descent_batch_size": "batch_size",
    "minibatch_size": "batch_size",
    "number_of_epochs": "num_epochs",
    "epochs": "num_epochs",
    "entropy": "beta_entropy",
    "entropy_coefficient": "beta_entropy",
    "gamma": "discount_factor",
    "discount": "discount_factor",
    "loss": "loss_type",
    "exploration": "exploration_type",
    "epsilon": "e_greedy_value",
    "number_of_experience_episodes_between_each_policy_updating_iteration": (
        "num_episodes_between_training"
    ),
    "alpha": "sac_alpha",
}
"""What the console and the literature call keys of the file."""

OF_A_TEACHER = ("discount_factor", "beta_entropy", "loss_type")
"""Keys that a teacher learns by as well."""

OF_PPO = ("lr", "batch_size", "num_epochs", "num_episodes_between_training", "exploration_type")
"""Keys that PPO alone learns by."""

MAX_IGNORED, MAX_NAME = 20, 60
"""Unknown keys that a warning names, and characters of each."""

# A training job adds these to its own copy of the file to say where a clone started from.
CLONE_KEYS_PREFIX = "pretrained_"


@dataclass(frozen=True)
class Hyperparameters:
    """Everything that ``hyperparameters.json`` can say.

    Defaults are those that DeepRacer-on-AWS fills in and the last console offered (website
    CreateModel/constants.ts). deepracer-for-cloud's file differs in ``num_epochs`` (5) and in the
    two ``term_cond`` values, and the training job itself falls back to ``discount_factor`` 0.999
    and ``loss_type`` "mean squared error".

    Attributes:
        batch_size: steps in one gradient step, 1 or more.
        num_epochs: passes over each rollout, 1 or more.
        lr: learning rate of Adam, above 0 and at most 1.
        beta_entropy: weight of the policy's entropy in the loss, 0 or more.
        discount_factor: gamma, in [0, 1].
        loss_type: loss of the value function, "huber" or "mean squared error".
        num_episodes_between_training: episodes in one rollout, 1 or more.
        exploration_type: "categorical" samples from the policy; "e-greedy"; "additive_noise"
            belongs to SAC.
        e_greedy_value: final share of random actions with "e-greedy", in [0, 1].
        epsilon_steps: steps over which that share falls from 1, 1 or more.
        stack_size: read and written, without effect, as in the original: one frame is seen.
        term_cond_max_episodes: episodes after which training ends, 1 or more.
        term_cond_avg_score: read and written, without effect, as in the original.
        sac_alpha: SAC's entropy weight, 0 or more; read and written, PPO ignores it.
        ignored: unknown keys that the file held and that are like none of these, for a warning;
            not written back.

    Raises:
        HyperparameterError: a value outside its range; names the key.
    """

    batch_size: int = 64
    num_epochs: int = 10
    lr: float = 0.0003
    beta_entropy: float = 0.01
    discount_factor: float = 0.99
    loss_type: str = "huber"
    num_episodes_between_training: int = 20
    exploration_type: str = "categorical"
    e_greedy_value: float = 0.05
    epsilon_steps: int = 10000
    stack_size: int = 1
    term_cond_max_episodes: int = 100000
    term_cond_avg_score: float = 100000.0
    sac_alpha: float = 0.2
    ignored: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for key, rule in _RULES.items():
            object.__setattr__(self, key, rule.check(key, getattr(self, key)))

    def to_json(self) -> str:
        """The text of a ``hyperparameters.json`` that every tool of the ecosystem reads."""
        return json.dumps({key: getattr(self, key) for key in _RULES}, indent=2) + "\n"


@dataclass(frozen=True)
class _NumberRule:
    """A number between two bounds, both allowed; ``above`` excludes the lower one."""

    low: float
    high: float = float("inf")
    above: bool = False
    whole: bool = False

    def check(self, key: str, value: object) -> float | int:
        number = parse_number(value, key, HyperparameterError)
        too_low = number <= self.low if self.above else number < self.low
        if too_low or number > self.high or (self.whole and number % 1):
            raise HyperparameterError(f"{key} must be {self._words()}, found {brief(value)}")
        if self.whole and number > MOST:
            raise HyperparameterError(f"{key} must be at most {MOST:,}, found {number:g}")
        return int(number) if self.whole else number

    def _words(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.high == float("inf"):
            return f"{kind} above {self.low:g}" if self.above else f"{kind} of {self.low:g} or more"
        if self.above:
            return f"{kind} above {self.low:g} and at most {self.high:g}"
        return f"{kind} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class _ChoiceRule:
    """One of a few words; underscores may stand for spaces, as DeepRacer-on-AWS writes them."""

    allowed: tuple[str, ...]

    def check(self, key: str, value: object) -> str:
        for word in self.allowed:
            if isinstance(value, str) and value.replace("_", " ") == word.replace("_", " "):
                return word
        raise HyperparameterError(
            f"{key} must be one of {', '.join(json.dumps(word) for word in self.allowed)}, "
            f"found {brief(value)}"
        )


_RULES: dict[str, _NumberRule | _ChoiceRule] = {
    "batch_size": _NumberRule(1, whole=True),
    "num_epochs": _NumberRule(1, whole=True),
    "lr": _NumberRule(0, 1, above=True),
    "beta_entropy": _NumberRule(0),
    "discount_factor": _NumberRule(0, 1),
    "loss_type": _ChoiceRule(LOSS_TYPES),
    "num_episodes_between_training": _NumberRule(1, whole=True),
    "exploration_type": _ChoiceRule(EXPLORATION_TYPES),
    "e_greedy_value": _NumberRule(0, 1),
    "epsilon_steps": _NumberRule(1, whole=True),
    "stack_size": _NumberRule(1, whole=True),
    "term_cond_max_episodes": _NumberRule(1, whole=True),
    "term_cond_avg_score": _NumberRule(float("-inf")),
    "sac_alpha": _NumberRule(0),
}


def key_meant(name: str) -> str | None:
    """The key of the file that an unknown one was most likely meant for, if there is one."""
    plain = "_".join(re.findall(r"[^\W_]+", name.casefold()))
    names = {**{key: key for key in _RULES}, **_OTHER_NAMES}
    close = difflib.get_close_matches(plain, names, n=1, cutoff=0.75)
    return names[close[0]] if close else None


def read_hyperparameters(path: str | Path, usual: Hyperparameters | None = None) -> Hyperparameters:
    """Reads a ``hyperparameters.json``.

    Args:
        path: of the file.
        usual: what keys have that it leaves out; None for the original's defaults.

    Raises:
        HyperparameterError: the file cannot be read, or a value breaks its rule.
    """
    path = path_of("the path of a hyperparameters.json", path, HyperparameterError)
    return parse_hyperparameters(read_text(path, HyperparameterError), str(path), usual)


def parse_hyperparameters(
    text: str, source: str, usual: Hyperparameters | None = None
) -> Hyperparameters:
    """Reads the text of a ``hyperparameters.json``.

    Args:
        text: the content.
        source: what messages call it, normally the file's path.
        usual: what keys have that it leaves out; None for the original's defaults.

    Raises:
        HyperparameterError: the text breaks a rule; one line with source, key and rule.
    """
    content = parse_json_object(text, source, HyperparameterError)
    unknown = [
        key for key in content if key not in _RULES and not key.startswith(CLONE_KEYS_PREFIX)
    ]
    for key in unknown:
        if meant := key_meant(key):
            raise HyperparameterError(
                f"{source}: unknown key {shown(key[:MAX_NAME])}: did you mean {meant}?"
            )
    try:
        known = {key: content[key] for key in _RULES if key in content}
        named = tuple(printable(key[:MAX_NAME]) for key in unknown[:MAX_IGNORED])
        return replace(usual or Hyperparameters(), **known, ignored=named)
    except HyperparameterError as error:
        raise HyperparameterError(f"{source}: {error}") from None
