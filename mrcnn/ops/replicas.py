"""What a replica in data-parallel training needs from the others.

The replicas are TensorFlow's (`tf.distribute`): each computes on its own rows of the batch.
Elsewhere a tensor holds the whole batch, on JAX even if it is sharded over several devices, and
nothing is added to the graph.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ..types import Tensor


def replica_count() -> int:
    """Number of replicas that share the batch; 1 outside a replica."""
    context = _context()
    return context.num_replicas_in_sync if context else 1


def sum_over_replicas(x: Tensor) -> Tensor:
    """Sum a tensor over the replicas; no gradient flows through.

    Call it outside conditionals and loops, as all replicas must reach it.

    Args:
        x: float tensor of the same shape in each replica.

    Returns:
        Float tensor of that shape.
    """
    context = _context()
    return context.all_reduce("SUM", ops.stop_gradient(x)) if context else x


def uniform_keys(shape: Sequence[Any], generator: keras.random.SeedGenerator) -> Tensor:
    """Random numbers in [0, 1) for the rows of a batch, the same whichever replica holds a row.

    Each replica draws numbers for the whole batch and takes those of its own rows, so they are the
    numbers that a single device would draw.

    Args:
        shape: shape of the result, whose first axis is this replica's rows.
        generator: its state must be shared by all replicas.

    Returns:
        float32 tensor of that shape.
    """
    context = _context()
    if not context:
        return keras.random.uniform(shape, seed=generator)
    rows = shape[0]
    keys = keras.random.uniform((rows * context.num_replicas_in_sync, *shape[1:]), seed=generator)
    first = context.replica_id_in_sync_group * rows
    return keys[first : first + rows]


def _context():
    """The replica context; None outside a replica, or if there is only one."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()  # None in a cross-replica context
    return context if context and context.num_replicas_in_sync > 1 else None
