"""Train the tiny network in a separate process, on several devices or as one of several hosts.

python run_distributed.py FOLDER OUT DEVICES SETTINGS_JSON

The CPU is split into DEVICES devices. Weights, EMA averages and all epoch logs go to OUT, an .npz.
With STOP_AT in the settings, the process sends itself SIGTERM after that number of batches.
"""

import json
import os
import signal
import sys
import threading
import time

import keras
import numpy as np
from tiny import InMemory, TinyConfig, shapes, spread

from mrcnn.augment import Flips
from mrcnn.model import MaskRCNN


class RecordSteps(keras.callbacks.Callback):
    """Records when each training batch ended, and the losses by then."""

    def __init__(self, stop_at):
        super().__init__()
        self.ends, self.logs, self.stop_at = [], [], stop_at

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())
        self.logs.append(dict(logs))
        if len(self.ends) == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)


def stop_after(batches, model):
    """Send this process SIGTERM from a thread: only the chief has the user's callbacks."""
    while (
        not getattr(model, "optimizer", None) or int(model.optimizer.iterations.numpy()) < batches
    ):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)


def uneven():
    """Four images with 2, 1, 0 and 2 instances."""
    samples = shapes(4)
    for index, count in enumerate([2, 1, 0, 2]):
        image, masks, class_ids = samples[index]
        samples[index] = image, masks[..., :count], class_ids[:count]
    return samples


def main(folder, out, devices, settings):
    keras.utils.set_random_seed(0)  # for the initial weights
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        logical = [tf.config.LogicalDeviceConfiguration()] * int(devices)
        tf.config.set_logical_device_configuration(cpu, logical)
    settings = {"STEPS_PER_EPOCH": 4, "BATCH": 4, "VALIDATION_IMAGES": 2} | json.loads(settings)
    config = TinyConfig()
    # Among many proposals, some have nearly equal scores, and rounding decides their order.
    config.PRE_NMS_LIMIT = 60
    config.POST_NMS_ROIS_TRAINING = 40
    config.GRADIENT_CLIP_NORM = 2.0  # far below the gradient norm of every step
    config.WEIGHT_DECAY = 0.5
    config.LOADER_WORKERS = 1
    config.IMAGES_PER_GPU = settings.pop("BATCH") // settings.get("GPU_COUNT", 1)
    options = {name: settings.pop(name, None) for name in ("STOP_AT", "EPOCHS", "RESUME")}
    for name, value in settings.items():
        setattr(config, name, value)
    model = MaskRCNN("training", config, folder)
    spread(model.keras_model)
    before = [weight.numpy() for weight in model.keras_model.weights]
    times = RecordSteps(options["STOP_AT"])
    if options["STOP_AT"] and not model.distribution.is_chief:
        arguments = (options["STOP_AT"], model.keras_model)
        threading.Thread(target=stop_after, args=arguments, daemon=True).start()
    model.train(
        InMemory(uneven()),
        InMemory(shapes(4, seed=9)),
        0.002,
        options["EPOCHS"] or 1,
        "all",
        augmentation=Flips(),
        custom_callbacks=[times],
        resume=bool(options["RESUME"]),
    )
    history = model.keras_model.history.history
    value = model.keras_model.weights[0].value
    arrays = {f"before {i}": array for i, array in enumerate(before)}
    arrays |= {f"weight {i}": w.numpy() for i, w in enumerate(model.keras_model.weights)}
    arrays |= {f"epochs {name}": np.array(values) for name, values in history.items()}
    if times.logs:
        arrays |= {f"steps {name}": [step[name] for step in times.logs] for name in times.logs[0]}
    arrays["seconds"] = np.diff(times.ends)
    if keras.backend.backend() == "jax":
        arrays["devices"] = len(value.sharding.device_set)
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
