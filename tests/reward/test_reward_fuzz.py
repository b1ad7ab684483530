"""Mutations of the corpus: each ends in numbers or in a clean error, and this process lives on."""

import random
import re

import numpy as np
import pytest
from corpus import CORPUS

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.probe import probe_batches

TEXTS = [path.read_text() for path in CORPUS.values()]
WORDS = re.compile(r"\w+|[-+*/%<>=!]+")
POOL = [word for text in TEXTS for word in WORDS.findall(text)]
BATCHES = probe_batches(4, 2) + probe_batches(4, 1, objects=2)


def mutated(text: str, rng: random.Random) -> str:
    """A text with one to three things in it moved, lost, doubled, cut off or replaced."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        lines = text.split("\n")
        kind, at = rng.random(), rng.randrange(len(lines))
        if kind < 0.15:
            del lines[at]
        elif kind < 0.3:
            lines.insert(rng.randrange(len(lines)), lines[at])
        elif kind < 0.35:
            return text[: rng.randrange(len(text))] or "x"
        else:
            words = list(WORDS.finditer(lines[at]))
            if words:
                word = rng.choice(words)
                line = lines[at]
                lines[at] = line[: word.start()] + rng.choice(POOL) + line[word.end() :]
        text = "\n".join(lines) or "x"
    return text


def ends_well(number: int) -> None:
    rng = random.Random(number)
    text = mutated(rng.choice(TEXTS), rng) + "\n"
    try:
        reward = load_reward(text, time_limit=1.0)
        for batch in BATCHES:
            assert np.isfinite(reward(batch)).all()
        assert "the compiler failed" not in reward.reason, text
        assert "where Python gives" not in reward.reason, text
    except RewardError as error:
        assert str(error).startswith("<reward source>"), text


@pytest.mark.parametrize("number", range(12))
def test_a_mutation_ends_in_a_number_or_a_clean_error(number: int) -> None:
    ends_well(number)


@pytest.mark.slow
@pytest.mark.usefixtures("forks")
def test_two_thousand_mutations_end_well() -> None:
    for number in range(1000, 3000):
        ends_well(number)
