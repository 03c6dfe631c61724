"""The devices of a training run: one, several on this machine, or those of several hosts.

A replica, the copy of the network on one device, takes IMAGES_PER_GPU images of each batch. Worker
0, the chief, decides where the hosts must agree, and writes the files.

TensorFlow makes replicas with `tf.distribute`: model and optimizer are created in its scope, and
`replica_fit` trains them. JAX spreads the rows of a batch over the devices of a
`keras.distribution`, and Keras's own `fit` trains. That distribution is global in Keras; it is set
only while the network is built and while it trains.
"""

import contextlib
import functools
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import keras
import numpy as np
import numpy.typing as npt

from ..config import Config
from ..types import Array

logger = logging.getLogger(__name__)


def choose(config: Config) -> "OneDevice":
    """The devices for a training run.

    Args:
        config: for GPU_COUNT, HOST_COUNT and BATCH_SIZE.

    Returns:
        `Replicas`, `Sharded` or `OneDevice`; the last, with a warning, also if this machine has
        fewer devices than GPU_COUNT.

    Raises:
        ValueError: the devices cannot share a batch evenly; or, with HOST_COUNT above 1, the
            environment does not describe the hosts or this one has too few devices.
    """
    backend, devices, hosts = keras.backend.backend(), config.GPU_COUNT, config.HOST_COUNT
    if devices == 1:
        return OneDevice()
    kind: Any = {"tensorflow": Replicas, "jax": Sharded}.get(backend)
    if hosts > 1 and kind is None:
        raise ValueError(
            f"HOST_COUNT is {hosts}: on {backend}, training runs on a single device; several hosts "
            "need TensorFlow or JAX."
        )
    if hosts == 1:  # several hosts must connect before devices are listed
        found = keras.distribution.list_devices() if kind else []
        if len(found) < devices:
            few = f"this machine has {len(found)}" if kind else f"training on {backend} uses one"
            text = "GPU_COUNT is %d, but %s: a single device takes all %d images of a batch"
            logger.warning(text, devices, few, config.BATCH_SIZE)
            return OneDevice()
    if config.BATCH_SIZE % devices:
        raise ValueError(
            f"BATCH_SIZE is {config.BATCH_SIZE}: it must be a multiple of GPU_COUNT ({devices}), "
            "because the devices share it evenly. Set IMAGES_PER_GPU instead."
        )
    return kind.of_hosts(devices, hosts) if hosts > 1 else kind.of_devices(tuple(found[:devices]))


class OneDevice:
    """A single device that takes the whole batch.

    Attributes:
        replicas: total number of devices.
        hosts: total number of hosts.
        host: number of this host; 0 is the chief.
        strategy: `tf.distribute` strategy, or None.
    """

    replicas: int = 1
    hosts: int = 1
    host: int = 0
    strategy: Any = None

    @property
    def is_chief(self) -> bool:
        """Whether this host writes the files and decides for all."""
        return self.host == 0

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Context in which to create the model and the optimizer."""
        return contextlib.nullcontext()

    def run_scope(self) -> contextlib.AbstractContextManager[Any]:
        """Context in which to train."""
        return contextlib.nullcontext()

    def sum_over_hosts(self, values: npt.ArrayLike) -> Array:
        """The sum of all hosts' `values`, float64 arrays of one shape; every host must call it."""
        return np.asarray(values, np.float64)

    def broadcast(self, array: npt.ArrayLike) -> Array:
        """The chief's `array`, on all hosts; each host passes one of the same shape and dtype.

        Exact for float32 and for integers below 2**53.
        """
        array = np.asarray(array)
        if self.hosts == 1:
            return array
        sent = array if self.is_chief else np.zeros_like(array)
        return self.sum_over_hosts(sent).astype(array.dtype)

    def broadcast_json(self, value: Any) -> Any:
        """The chief's `value`, of plain JSON types, on all hosts."""
        if self.hosts == 1:
            return value
        data = np.frombuffer(json.dumps(value).encode(), np.uint8)
        size = int(self.broadcast(len(data)))
        sent = data if self.is_chief else np.zeros(size, np.uint8)
        return json.loads(self.broadcast(sent).tobytes())

    def broadcast_variables(
        self, variables: Sequence[keras.Variable], values: Iterable[npt.ArrayLike] | None = None
    ) -> None:
        """Assign the chief's values to `variables`: its current ones, or the arrays in `values`.

        (On JAX no host can assign a variable on its own.)
        """
        if self.hosts > 1:
            own = map(keras.ops.convert_to_numpy, variables) if values is None else values
            for variable, value in zip(variables, own, strict=True):
                variable.assign(self.broadcast(value))


class Replicas(OneDevice):
    """TensorFlow replicas, each with its own copy of the variables, kept equal.

    Args:
        strategy: a `tf.distribute` strategy.
        hosts, host: see `OneDevice`.
    """

    def __init__(self, strategy: Any, hosts: int = 1, host: int = 0) -> None:
        self.strategy = strategy
        self.hosts = hosts
        self.host = host
        self.replicas = strategy.num_replicas_in_sync
        self._total: Any = None

    @classmethod
    @functools.cache
    def of_devices(cls, devices: tuple[str, ...]) -> Self:
        """Replicas on this machine's `devices`, by names such as "gpu:0"."""
        import tensorflow as tf

        return cls(tf.distribute.MirroredStrategy(devices))

    @classmethod
    @functools.cache
    def of_hosts(cls, devices: int, hosts: int) -> Self:
        """Replicas on `hosts` hosts, as TF_CONFIG describes them, with `devices` devices in total.

        Raises:
            ValueError: TF_CONFIG does not describe them, or this host has too few devices.
            RuntimeError: TensorFlow has already computed something.
        """
        import tensorflow as tf

        host = _task(hosts)
        each, found = devices // hosts, tf.config.list_physical_devices("GPU")
        if max(len(found), 1) < each:
            raise ValueError(
                f"GPU_COUNT is {devices} and HOST_COUNT {hosts}: each host needs {each} devices, "
                f"but this one has {max(len(found), 1)}."
            )
        try:
            tf.config.set_visible_devices(found[:each], "GPU")
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise RuntimeError(
                "with HOST_COUNT above 1, create the MaskRCNN before TensorFlow computes anything "
                f"else: {error}"
            ) from error
        return cls(strategy, hosts, host)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """See `OneDevice`."""
        return self.strategy.scope()

    def sum_over_hosts(self, values: npt.ArrayLike) -> Array:
        """See `OneDevice`."""
        values = super().sum_over_hosts(values)
        if self.hosts == 1:
            return values
        self._total = self._total or self._make_total()
        return self._total(values.ravel()).numpy().reshape(values.shape)

    def _make_total(self):
        """Build the sum as a graph: each eager sum would leave something behind in TensorFlow."""
        import tensorflow as tf

        each = self.replicas // self.hosts

        def total(values):
            def part():
                context = tf.distribute.get_replica_context()
                # One replica speaks for its host.
                speaks = tf.cast(context.replica_id_in_sync_group % each == 0, values.dtype)
                return context.all_reduce("SUM", values * speaks)

            return self.strategy.experimental_local_results(self.strategy.run(part))[0]

        signature = [tf.TensorSpec([None], tf.float64)]
        return tf.function(total, input_signature=signature, autograph=False)


class Sharded(OneDevice):
    """JAX devices, which share the rows of an array that holds the whole batch.

    Args:
        distribution: the devices.
        hosts, host: see `OneDevice`.
    """

    def __init__(
        self, distribution: keras.distribution.DataParallel, hosts: int = 1, host: int = 0
    ) -> None:
        self.distribution = distribution
        self.hosts = hosts
        self.host = host
        self.replicas = distribution.device_mesh.devices.size

    @classmethod
    def of_devices(cls, devices: tuple[str, ...]) -> Self:
        """This machine's `devices`, by names such as "gpu:0"."""
        return cls(keras.distribution.DataParallel(devices=list(devices)))

    @classmethod
    @functools.cache
    def of_hosts(cls, devices: int, hosts: int) -> Self:
        """JAX devices of `hosts` hosts, as KERAS_DISTRIBUTION_* describe them, `devices` in total.

        Raises:
            ValueError: the variables do not match `hosts`, or the hosts' devices do not match
                `devices`.
        """
        count = os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES")
        if count != str(hosts):
            raise ValueError(
                f"HOST_COUNT is {hosts}: KERAS_DISTRIBUTION_NUM_PROCESSES must be {hosts} too, but "
                f"is {count}. On each host, set KERAS_DISTRIBUTION_JOB_ADDRESSES to the first "
                "host's address, such as host0:12345, and KERAS_DISTRIBUTION_PROCESS_ID to the "
                "host's number, counted from 0."
            )
        keras.distribution.initialize()
        import jax

        found = keras.distribution.list_devices()
        if len(found) != devices:
            raise ValueError(
                f"GPU_COUNT is {devices}: on JAX it must be the total number of devices of the "
                f"{hosts} hosts, which is {len(found)}."
            )
        # Each host supplies its own rows, see `BatchSequence`.
        distribution = keras.distribution.DataParallel(devices=found, auto_shard_dataset=False)
        return cls(distribution, hosts, jax.process_index())

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """See `OneDevice`."""
        return self.distribution.scope()

    run_scope = scope

    def sum_over_hosts(self, values: npt.ArrayLike) -> Array:
        """See `OneDevice`."""
        values = super().sum_over_hosts(values)
        if self.hosts == 1:
            return values
        from jax.experimental import multihost_utils

        # As bytes, because JAX would round float64 to float32.
        parts = multihost_utils.process_allgather(np.frombuffer(values.tobytes(), np.uint8))
        parts = np.frombuffer(np.asarray(parts).tobytes(), np.float64)
        return parts.reshape(self.hosts, *values.shape).sum(axis=0)


@contextlib.contextmanager
def undistributed() -> Iterator[None]:
    """Context in which Keras spreads no array over devices, for work on a single one."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def _task(hosts: int) -> int:
    """This host's number in TF_CONFIG."""
    text = os.environ.get("TF_CONFIG")
    problem = "it is not set"
    if text:
        try:
            content = json.loads(text)
            cluster, task = content["cluster"], content["task"]
            kinds = ("chief", "worker")
            order = [(kind, i) for kind in kinds for i in range(len(cluster.get(kind, ())))]
            if len(order) == hosts:
                return order.index((task["type"], int(task["index"])))
            problem = f"it names {len(order)}"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"it is {text!r} ({type(error).__name__}: {error})"
    raise ValueError(
        f"HOST_COUNT is {hosts}: the environment variable TF_CONFIG must name {hosts} workers and "
        f"say which of them this is, but {problem}. On the first host it looks like "
        '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, "task": {"type": "worker", '
        '"index": 0}}; on the second the index is 1.'
    )
