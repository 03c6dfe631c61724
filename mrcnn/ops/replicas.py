"""What a replica of data-parallel training needs of the others.

The replicas are TensorFlow's (`tf.distribute`): each computes with the rows of its own. Elsewhere a
tensor is that of the whole batch, on JAX also where its parts lie on several devices; there
nothing is added to the graph.
"""

import keras
from keras import ops


def replica_count():
    """How many replicas share the batch: 1 outside of a replica."""
    context = _context()
    return context.num_replicas_in_sync if context else 1


def sum_over_replicas(x):
    """The sum of a tensor over the replicas; no gradient passes.

    To be called outside of conditions and loops, as all replicas have to meet.

    Args:
        x: float tensor of the same shape in each.
    """
    context = _context()
    return context.all_reduce("SUM", ops.stop_gradient(x)) if context else x


def uniform_keys(shape, generator):
    """Random numbers in [0, 1) for the rows of a batch, each row the same on any replica.

    Each replica draws those of the whole batch and takes its own rows: so they are the numbers
    that one device would draw.

    Args:
        shape: of the result, the rows of this replica first.
        generator: `keras.random.SeedGenerator`, whose state all replicas have in common.

    Returns:
        float32 tensor of the shape.
    """
    context = _context()
    if not context:
        return keras.random.uniform(shape, seed=generator)
    rows = shape[0]
    keys = keras.random.uniform((rows * context.num_replicas_in_sync, *shape[1:]), seed=generator)
    first = context.replica_id_in_sync_group * rows
    return keys[first : first + rows]


def _context():
    """That of a replica which is not the only one, or None."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()  # None between the replicas
    return context if context and context.num_replicas_in_sync > 1 else None
