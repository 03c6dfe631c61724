"""Start or resume training the tiny network, in a separate process that a test may kill.

python run_training.py FOLDER EPOCHS_JSON SETTINGS_JSON
"""

import json
import sys

import keras
from tiny import InMemory, TinyConfig, shapes

from mrcnn.augment import Flips
from mrcnn.model import MaskRCNN


def main(folder, epochs, settings):
    keras.utils.set_random_seed(0)  # for the initial weights
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    config = TinyConfig()
    for name, value in json.loads(settings).items():
        setattr(config, name, value)
    epochs = json.loads(epochs)
    layers = ["heads", "4+", "all"][-len(epochs) :]
    model = MaskRCNN("training", config, folder)
    model.train(
        InMemory(shapes(5)),
        InMemory(shapes(2, seed=9)),
        [0.01, 0.01, 0.005][-len(epochs) :],
        epochs,
        layers,
        augmentation=Flips(),
        resume=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
