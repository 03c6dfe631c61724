"""Helpers of the reference that old notebooks import and that nothing here needs."""

from keras import ops


def trim_zeros_graph(boxes, name="trim_zeros"):
    """Drop the rows that are padding.

    Args:
        boxes: tensor [N, 4], pixels or normalised; zero rows are padding.
        name: not used; the reference has it.

    Returns:
        boxes: tensor [M, 4], the other rows, in the same units.
        kept: bool tensor [N], which rows these are.
    """
    boxes = ops.convert_to_tensor(boxes)
    kept = ops.sum(ops.abs(boxes), axis=1) > 0
    return ops.take(boxes, ops.nonzero(kept)[0], axis=0), kept


def batch_pack_graph(x, counts, num_rows):
    """The first `counts[i]` rows of each `x[i]`, one behind another.

    Args:
        x: tensor [B, N, ...].
        counts: B row counts.
        num_rows: B.

    Returns:
        tensor [sum of counts, ...].
    """
    return ops.concatenate([x[i, : counts[i]] for i in range(num_rows)], axis=0)


def batch_slice(inputs, graph_fn, batch_size, names=None):
    """Apply a function that knows no batches to each image of a batch.

    Args:
        inputs: tensor or list of tensors [B, ...].
        graph_fn: takes one slice of each input; gives a tensor or several.
        batch_size: B.
        names: names of the outputs, for readers only.

    Returns:
        the outputs stacked [B, ...], a list of them if `graph_fn` gives several.
    """
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    outputs = [graph_fn(*[x[i] for x in inputs]) for i in range(batch_size)]
    if not isinstance(outputs[0], list | tuple):
        return ops.stack(outputs, axis=0)
    stacked = [ops.stack(list(parts), axis=0) for parts in zip(*outputs, strict=True)]
    return stacked if len(stacked) > 1 else stacked[0]
