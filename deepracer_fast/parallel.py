"""One update on several devices: each learns from its share of the samples.

In: what ``ppo.update`` takes, the samples in as many equal blocks as there are devices. Out: what
it returns, the same on all of them. A minibatch is made of an equal part of every block; gradients
are averaged, so that the step is the one that a single device would take on the joined minibatch.
Neighbours: ``ppo`` has the mathematics, ``learner`` lays the blocks out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

from deepracer_fast import ppo

AXIS = "devices"

Update = Callable[..., tuple[ppo.LearnerState, dict[str, jax.Array]]]


def devices_for(batch_size: int) -> int:
    """How many of this host's devices can share a minibatch of that size evenly."""
    count = jax.local_device_count()
    return max(number for number in range(1, count + 1) if batch_size % number == 0)


@cache
def update_on(num_devices: int) -> Update:
    """``ppo.update`` for samples in that many blocks; the first devices of this host run it."""
    mesh = Mesh(jax.local_devices()[:num_devices], (AXIS,))
    everywhere, in_blocks = PartitionSpec(), PartitionSpec(AXIS)
    blocks: Any = dict.fromkeys(ppo.Experience._fields, in_blocks) | {"num_samples": everywhere}

    @partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
    def update(
        spec: Any, plan: ppo.UpdatePlan, state: Any, experience: Any, coefficients: Any
    ) -> Any:
        share = replace(plan, batch_size=plan.batch_size // num_devices, axis=AXIS)
        on_each = jax.shard_map(
            partial(ppo.update, spec, share),
            mesh=mesh,
            in_specs=(everywhere, ppo.Experience(**blocks), everywhere),
            out_specs=everywhere,
            check_vma=False,  # the kernels' custom calls say nothing about devices
        )
        return on_each(state, experience, coefficients)

    return update
