"""One update on several devices: each learns from its share of the samples.

In: what ``ppo.update`` takes, the samples in as many equal blocks as this host has devices that
take part. Out: what it returns, the same on all of them. A minibatch is made of an equal part of
every block; gradients are averaged, so that the step is the one that a single device would take on
the joined minibatch. With several hosts (``hosts``) the devices of all of them take part: each host
brings blocks of its own, and holds the whole result.
Neighbours: ``ppo`` has the mathematics, ``learner`` asks for an update.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, PartitionSpec

from deepracer_fast.checks.arrays import Array
from deepracer_fast.learning import ppo
from deepracer_fast.learning.descent import Measures
from deepracer_fast.learning.learner_state import LearnerState
from deepracer_fast.policy.networks import NetworkSpec

AXIS = "devices"
EVERYWHERE, IN_BLOCKS = PartitionSpec(), PartitionSpec(AXIS)
_SPECS: Any = dict.fromkeys(ppo.Experience._fields, IN_BLOCKS) | {"num_samples": EVERYWHERE}
BLOCKS = ppo.Experience(**_SPECS)

Updated = tuple[LearnerState, Measures]
Update = Callable[..., Updated]
Tree = TypeVar("Tree")


@dataclass(frozen=True)
class Blocks:
    """How this host's samples are cut for its devices.

    Attributes:
        number: of blocks.
        samples: of each that are learnt from.
    """

    number: int
    samples: int

    def flat(self, array: Array, valid: Array) -> Array:
        """[T, B, ...] as [N, ...]: all of it in place, or the valid samples padded to a few sizes.

        N is cut into equal blocks, each with its own padding. Each size is compiled once, so they
        are powers of two.
        """
        learnt = self.number * self.samples
        if learnt == valid.size:
            return array.reshape(-1, *array.shape[2:])
        size = max(1024, 1 << (self.samples - 1).bit_length())
        padded = np.zeros((self.number, size, *array.shape[2:]), array.dtype)
        padded[:, : self.samples] = array[valid][:learnt].reshape(
            self.number, self.samples, *array.shape[2:]
        )
        return padded.reshape(-1, *array.shape[2:])


def devices_for(batch_size: int) -> int:
    """How many of this host's devices can share its part of a minibatch evenly."""
    count = jax.local_device_count()
    return max(number for number in range(1, count + 1) if batch_size % number == 0)


@cache
def mesh_of(num_devices: int) -> Mesh:
    """The first devices of every host, the hosts in order."""
    of_hosts = [jax.local_devices(process_index=host) for host in range(jax.process_count())]
    return Mesh(np.array([device for own in of_hosts for device in own[:num_devices]]), (AXIS,))


@cache
def update_on(num_devices: int) -> Update:
    """``ppo.update`` for samples in blocks; that many devices of each host run it."""
    mesh = mesh_of(num_devices)

    @partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
    def update(
        spec: NetworkSpec,
        plan: ppo.UpdatePlan,
        state: LearnerState,
        experience: ppo.Experience,
        coefficients: ppo.Coefficients,
    ) -> Updated:
        share = replace(plan, batch_size=plan.batch_size // mesh.size, axis=AXIS)
        on_each = jax.shard_map(
            partial(ppo.update, spec, share),
            mesh=mesh,
            in_specs=(EVERYWHERE, BLOCKS, EVERYWHERE),
            out_specs=EVERYWHERE,
            check_vma=False,  # the kernels' custom calls say nothing about devices
        )
        return on_each(state, experience, coefficients)

    def over_hosts(spec: NetworkSpec, plan: ppo.UpdatePlan, *given: Any) -> Updated:
        """The same, from and to what this host has of each array."""
        here = jax.tree.map(lambda x: jnp.asarray(x) if isinstance(x, int | float) else x, given)
        specs = (EVERYWHERE, BLOCKS, EVERYWHERE)
        everywhere = multihost_utils.host_local_array_to_global_array(here, mesh, specs)
        return multihost_utils.global_array_to_host_local_array(
            update(spec, plan, *everywhere), mesh, EVERYWHERE
        )

    return over_hosts if jax.process_count() > 1 else update


def of_first_host(tree: Tree, num_devices: int) -> Tree:
    """The first host's arrays, on every host; they must have the same shapes everywhere."""
    mesh = mesh_of(num_devices)

    @jax.jit
    @partial(jax.shard_map, mesh=mesh, in_specs=IN_BLOCKS, out_specs=EVERYWHERE, check_vma=False)
    def spread(blocks: Tree) -> Tree:
        leads = jax.lax.axis_index(AXIS) == 0
        kept = jax.tree.map(lambda x: jnp.where(leads, x[0], jnp.zeros_like(x[0])), blocks)
        return jax.lax.psum(kept, AXIS)

    stacked = jax.tree.map(lambda x: np.repeat(np.asarray(x)[None], num_devices, axis=0), tree)
    everywhere = multihost_utils.host_local_array_to_global_array(stacked, mesh, IN_BLOCKS)
    return multihost_utils.global_array_to_host_local_array(spread(everywhere), mesh, EVERYWHERE)
