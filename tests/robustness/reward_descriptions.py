"""Descriptions of modules and kept values that lie: the compiler and its code live on.

One trial takes the description that a reward of the corpus has, changes up to four places of it -
another number, another text, a reference elsewhere, a node of another kind - and translates the
true source with it, in a child process, which then runs the code on made-up states; kept values
are made up likewise and put into the code's columns. What holds: the child ends by itself within
its time, and gives a record, be it only the reason why the reward is interpreted.

``run(count, seed)`` gives one line a finding. Random choices come from the seed only.
"""

from __future__ import annotations

import ast
import json
import os
import random
import signal
import traceback
from pathlib import Path
from typing import Any

import numpy as np
from corpus import CORPUS

from deepracer_fast.reward.compiled import CompiledReward, StateTooLarge
from deepracer_fast.reward.compiler.lattice.values import Unsupported
from deepracer_fast.reward.compiler.runtime.machine import Machine
from deepracer_fast.reward.interpret import Interpreter
from deepracer_fast.reward.loading import RewardSource, compile_source, read_reward
from deepracer_fast.reward.probe import probe_batches
from deepracer_fast.reward.sandbox.channel import Malformed
from deepracer_fast.reward.sandbox.describe import Description
from deepracer_fast.reward.sandbox.rebuild import rebuild
from deepracer_fast.reward.translating import Made, answer, compile_module
from deepracer_fast.reward.words import State, StateError

ODD: list[Any] = [
    *(None, True, 0, -1, 1, 2**31, 2**53, -(2**53), 2**62, 2**200, 0.0, -0.5, 1e308),
    *(float("nan"), float("inf"), "", "text", "x" * 1000, [], [0], [1], [10**9], ["list"]),
]
_SECONDS = 60


def run(count: int, seed: int) -> list[str]:
    """So many changed descriptions; a line for each that ended badly."""
    rng = random.Random(seed)
    sources = [each for path in CORPUS.values() if (each := _described(path))]
    findings = []
    for trial in range(count):
        source, description = rng.choice(sources)
        changed = _changed(json.loads(description), rng)
        status = _in_a_child(source, changed, rng.randrange(1 << 30))
        if status:
            findings.append(f"{source.name}, seed {seed}, trial {trial}: {status}")
    return findings


def _described(path: Path) -> tuple[RewardSource, bytes] | None:
    """A source of the corpus, which is ours, with what is in its module."""
    if path.stem in ("broken_syntax", "wrong_name", "shapely_line"):
        return None
    source = compile_source(read_reward(path))
    return source, Description(Interpreter(source).new_module(), source.filename).text


def _changed(description: dict[str, Any], rng: random.Random) -> bytes:
    nodes, names = description["nodes"], description["names"]
    for _ in range(rng.randint(1, 4)):
        if not nodes:
            break
        if rng.random() < 0.15:
            nodes[rng.randrange(len(nodes))] = rng.choice(nodes)
        elif rng.random() < 0.2:
            rng.choice(names)[1] = [rng.randrange(len(nodes))]
        else:
            _change_within(rng.choice(nodes), len(nodes), rng)
    return json.dumps(description).encode()


def _change_within(node: list[Any], count: int, rng: random.Random, first: int = 1) -> None:
    """Changes one leaf of a node, mostly to one of its type, or drops or doubles a piece of it."""
    if len(node) <= first:
        return
    place = rng.randrange(first, len(node))
    old = node[place]
    is_reference = isinstance(old, list) and len(old) == 1 and type(old[0]) is int
    if isinstance(old, list) and old and not is_reference:
        _change_within(old, count, rng, 0)
    elif rng.random() < 0.1:
        node.insert(place, old) if rng.random() < 0.5 else node.pop(place)
    elif is_reference and rng.random() < 0.8:
        node[place] = [rng.randrange(count)]
    else:
        alike = [odd for odd in ODD if type(odd) is type(old)]
        node[place] = rng.choice(alike if alike and rng.random() < 0.8 else ODD)


def _in_a_child(source: RewardSource, description: bytes, seed: int) -> str:
    """What became of a child that translates and runs; "" if it ended well."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(_SECONDS)
            _translate_and_run(source, description, random.Random(seed))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(ended)
    return "" if code == 0 else f"status {code}" if code > 0 else signal.Signals(-code).name


def _translate_and_run(source: RewardSource, description: bytes, rng: random.Random) -> None:
    record, _ = answer(source.text, description)
    if record["mode"] != "compiled":
        assert isinstance(record["reason"], str)
        return
    try:
        made = compile_module(rebuild(description), ast.parse(source.text))
    except (Unsupported, Malformed):
        return
    if made.state["places"]:
        _run_from_made_up_values(made, rng)


def _run_from_made_up_values(made: Made, rng: random.Random) -> None:
    state, machine = State(made.state), Machine(made.code)
    batches = probe_batches(8, 3, objects=2, seed=rng.randrange(1000))
    compiled = CompiledReward(machine, made.layout)
    compiled.states.fit(8)
    for batch in batches:
        for car in range(8):
            values = state.values(compiled.states.words(car))
            for _ in range(rng.randint(0, 3)):
                _change_within(values, 1, rng, 0)
            try:
                compiled.states.put(car, state.words(values))
            except (StateError, StateTooLarge):
                continue
        compiled.run(batch, np.ones(8, bool))


if __name__ == "__main__":
    import sys

    print("\n".join(run(int(sys.argv[1]), int(sys.argv[2]))) or "no finding")
