"""One update on several devices: each learns from its share of the samples.

In: what ``ppo.update`` takes, the samples in as many equal blocks as this host has devices that
take part. Out: what it returns, the same on all of them. A minibatch is made of an equal part of
every block; gradients are averaged, so that the step is the one that a single device would take on
the joined minibatch. With several hosts (``hosts``) the devices of all of them take part: each host
brings blocks of its own, and holds the whole result.
Neighbours: ``ppo`` has the mathematics, ``learner`` lays the blocks out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, PartitionSpec

from deepracer_fast.learning import ppo

AXIS = "devices"
EVERYWHERE, IN_BLOCKS = PartitionSpec(), PartitionSpec(AXIS)
_SPECS: Any = dict.fromkeys(ppo.Experience._fields, IN_BLOCKS) | {"num_samples": EVERYWHERE}
BLOCKS = ppo.Experience(**_SPECS)

Update = Callable[..., tuple[ppo.LearnerState, dict[str, jax.Array]]]


def devices_for(batch_size: int) -> int:
    """How many of this host's devices can share its part of a minibatch evenly."""
    count = jax.local_device_count()
    return max(number for number in range(1, count + 1) if batch_size % number == 0)


@cache
def mesh_of(num_devices: int) -> Mesh:
    """The first devices of every host, the hosts in order."""
    return Mesh(
        np.array(
            [
                device
                for host in range(jax.process_count())
                for device in jax.local_devices(process_index=host)[:num_devices]
            ]
        ),
        (AXIS,),
    )


@cache
def update_on(num_devices: int) -> Update:
    """``ppo.update`` for samples in blocks; that many devices of each host run it."""
    mesh = mesh_of(num_devices)

    @partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
    def update(
        spec: Any, plan: ppo.UpdatePlan, state: Any, experience: Any, coefficients: Any
    ) -> Any:
        share = replace(plan, batch_size=plan.batch_size // mesh.size, axis=AXIS)
        on_each = jax.shard_map(
            partial(ppo.update, spec, share),
            mesh=mesh,
            in_specs=(EVERYWHERE, BLOCKS, EVERYWHERE),
            out_specs=EVERYWHERE,
            check_vma=False,  # the kernels' custom calls say nothing about devices
        )
        return on_each(state, experience, coefficients)

    def over_hosts(spec: Any, plan: Any, state: Any, experience: Any, coefficients: Any) -> Any:
        """The same, from and to what this host has of each array."""
        here = jax.tree.map(
            lambda x: jnp.asarray(x) if isinstance(x, int | float) else x,
            (state, experience, coefficients),
        )
        specs = (EVERYWHERE, BLOCKS, EVERYWHERE)
        everywhere = multihost_utils.host_local_array_to_global_array(here, mesh, specs)
        return multihost_utils.global_array_to_host_local_array(
            update(spec, plan, *everywhere), mesh, EVERYWHERE
        )

    return over_hosts if jax.process_count() > 1 else update


def of_first_host(tree: Any, num_devices: int) -> Any:
    """The first host's arrays, on every host; they must have the same shapes everywhere."""
    mesh = mesh_of(num_devices)

    @jax.jit
    @partial(jax.shard_map, mesh=mesh, in_specs=IN_BLOCKS, out_specs=EVERYWHERE, check_vma=False)
    def spread(blocks: Any) -> Any:
        leads = jax.lax.axis_index(AXIS) == 0
        kept = jax.tree.map(lambda x: jnp.where(leads, x[0], jnp.zeros_like(x[0])), blocks)
        return jax.lax.psum(kept, AXIS)

    stacked = jax.tree.map(lambda x: np.repeat(np.asarray(x)[None], num_devices, axis=0), tree)
    everywhere = multihost_utils.host_local_array_to_global_array(stacked, mesh, IN_BLOCKS)
    return multihost_utils.global_array_to_host_local_array(spread(everywhere), mesh, EVERYWHERE)
