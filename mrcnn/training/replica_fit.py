"""Keras's `fit` for TensorFlow replicas: the same epochs, callbacks and logs.

Each replica computes its share of the whole batch's losses and gradients. The gradients are summed
and then processed once, outside the replicas: clipping, accumulation, float16 loss scaling and
averaging act on the whole batch, as on a single device, and the result is assigned to all
replicas. (Keras's own `fit` clips each replica's gradients separately and cannot run on several
hosts.)
"""

import collections
import contextlib
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras

from ..loading.batches import BatchSequence
from ..network.graph_model import GraphModel
from .distribution import Replicas


class ReplicaTrainer:
    """Trains a compiled model on replicas.

    Args:
        model: the training graph, created in the distribution's scope and compiled with an
            optimizer that was created and built there. Which layers train is fixed from here on.
        distribution: the replicas.
        batch_size: images per batch over all replicas.
    """

    def __init__(self, model: GraphModel, distribution: Replicas, batch_size: int) -> None:
        import tensorflow as tf

        self.model = model
        self.batch_size = batch_size
        self.strategy = distribution.strategy
        self.several_hosts = distribution.hosts > 1
        self.weights = model.trainable_weights
        self.dtypes = {x.name: x.dtype for x in model.inputs}
        self._train, self._test = self._train_step, self._test_step
        if not model.run_eagerly:
            options = {"reduce_retracing": True, "autograph": False}
            self._train = tf.function(self._train, **options)
            self._test = tf.function(self._test, **options)

    def fit(
        self,
        batches: BatchSequence,
        initial_epoch: int,
        epochs: int,
        validation_data: BatchSequence | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: int = 1,
    ) -> keras.callbacks.History:
        """Train from `initial_epoch` to `epochs`.

        Args:
            batches: training batches with this host's rows.
            initial_epoch, epochs: number of epochs done before and after the call.
            validation_data: batches to validate with after each epoch, or None.
            callbacks: called as by Keras's `fit`.
            verbose: 0 for no progress bar.

        Returns:
            The model's `history`.

        Raises:
            RuntimeError: another host has ended or cannot be reached.
        """
        model = self.model
        callback_list = keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            add_progbar=bool(verbose),
            model=model,
            verbose=verbose,
            epochs=epochs,
            steps=len(batches),
        )
        model.stop_training = False
        with self._other_hosts():
            callback_list.on_train_begin()
            logs = {}
            for epoch in range(initial_epoch, epochs):
                model.reset_metrics()
                callback_list.on_epoch_begin(epoch)
                self._epoch(batches, callback_list)
                logs = _metrics(model)
                if validation_data is not None:
                    metrics = self._evaluate(validation_data, callback_list)
                    logs |= {f"val_{name}": value for name, value in metrics.items()}
                callback_list.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
            # Leaves the averages in the model, if there are any.
            model.optimizer.finalize_variable_values(model.trainable_weights)
            callback_list.on_train_end(logs)
        return model.history

    def _epoch(self, batches, callbacks):
        with contextlib.closing(_ahead(batches)) as ready:
            for step, batch in enumerate(ready):
                callbacks.on_train_batch_begin(step)
                self._train(self._split_over_replicas(batch))
                callbacks.on_train_batch_end(step, self.model.get_metrics_result())
                if self.model.stop_training:
                    return

    def _evaluate(self, batches, callbacks):
        callbacks.on_test_begin()
        self.model.reset_metrics()
        with contextlib.closing(_ahead(batches)) as ready:
            for step, batch in enumerate(ready):
                callbacks.on_test_batch_begin(step)
                self._test(self._split_over_replicas(batch))
                callbacks.on_test_batch_end(step, self.model.get_metrics_result())
        logs = _metrics(self.model)
        callbacks.on_test_end(logs)
        return logs

    def _split_over_replicas(self, batch):
        """The rows of this host's batch, divided equally among its replicas, in order."""
        import tensorflow as tf

        (inputs,) = batch
        parts = len(self.strategy.extended.worker_devices)

        def rows(context):
            part = context.replica_id_in_sync_group % parts
            with tf.device("CPU"):
                return {
                    name: tf.convert_to_tensor(
                        array[part * len(array) // parts : (part + 1) * len(array) // parts],
                        self.dtypes[name],
                    )
                    for name, array in inputs.items()
                }

        return self.strategy.experimental_distribute_values_from_function(rows)

    def _train_step(self, inputs):
        gradients, losses = self._on_all(self._gradients, inputs)
        weights = [self.weights[index] for index in gradients]
        self.model.optimizer.apply(list(gradients.values()), weights)
        self._update_metrics(losses)

    def _test_step(self, inputs):
        self._update_metrics(self._on_all(self._losses, inputs))

    def _on_all(self, function, inputs):
        """Run a function on every replica and sum the results."""
        import tensorflow as tf

        def summed(inputs):
            return tf.distribute.get_replica_context().all_reduce("SUM", function(inputs))

        results = self.strategy.run(summed, args=(inputs,))
        return tf.nest.map_structure(
            lambda value: self.strategy.experimental_local_results(value)[0], results
        )

    def _gradients(self, inputs):
        """One replica's gradients, a dict by index into `weights`, and its losses."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            losses = self.model.named_losses(self.model(inputs, training=True))
            scaled = self.model.optimizer.scale_loss(losses["loss"])
        gradients = tape.gradient(scaled, self.weights)
        return {i: value for i, value in enumerate(gradients) if value is not None}, losses

    def _losses(self, inputs):
        return self.model.named_losses(self.model(inputs, training=False))

    def _update_metrics(self, losses):
        for mean in self.model.metrics:
            # Keras weights its mean of "loss" by images, and a run may resume from that mean.
            count = self.batch_size if mean.name == "loss" else None
            mean.update_state(losses[mean.name], sample_weight=count)

    @contextlib.contextmanager
    def _other_hosts(self):
        import tensorflow as tf

        # What TensorFlow raises when a host has ended.
        errors = tf.errors
        kinds = (errors.UnavailableError, errors.AbortedError, errors.CancelledError)
        try:
            yield
        except kinds as error:
            if not self.several_hosts:
                raise
            raise RuntimeError(
                "another host has ended or can no longer be reached: see its output. To resume, "
                "start the same script on all hosts with train(..., resume=True)."
            ) from error


def _ahead(batches: BatchSequence) -> Generator[Any, None, None]:
    """The batches of a `BatchSequence` in order, made ahead of time by its workers."""
    waiting: collections.deque[Future[Any]] = collections.deque()
    pool = ThreadPoolExecutor(batches.workers)
    try:
        for index in range(len(batches)):
            waiting.append(pool.submit(batches.__getitem__, index))
            if len(waiting) > batches.max_queue_size:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _metrics(model: GraphModel) -> dict[str, float]:
    return {name: float(value) for name, value in model.get_metrics_result().items()}
