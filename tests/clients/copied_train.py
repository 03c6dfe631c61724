"""A project that overrides `train()` with one in Keras 2's style, and sets its model up itself."""

import multiprocessing
import os

import keras
import numpy as np
from tiny import InMemory, TinyConfig, shapes

import mrcnn.model as modellib


class OurModel(modellib.MaskRCNN):
    def __init__(self, mode, config, model_dir):
        self.mode = mode
        self.config = config
        self.model_dir = model_dir
        self.set_log_dir()
        self.keras_model = self.build(mode=mode, config=config)

    def train(self, train_dataset, val_dataset, learning_rate, epochs, layers):
        assert self.mode == "training"
        batches = {
            "shuffle": True,
            "batch_size": self.config.BATCH_SIZE,
        }
        train_generator = modellib.data_generator(train_dataset, self.config, **batches)
        val_generator = modellib.data_generator(val_dataset, self.config, **batches)
        if not os.path.exists(self.log_dir):
            os.makedirs(self.log_dir)
        callbacks = [
            keras.callbacks.TensorBoard(
                log_dir=self.log_dir, histogram_freq=0, write_graph=True, write_images=False
            ),
            keras.callbacks.ModelCheckpoint(
                self.checkpoint_path, verbose=0, save_weights_only=True
            ),
        ]
        modellib.log(f"\nStarting at epoch {self.epoch}. LR={learning_rate}\n")
        modellib.log(f"Checkpoint Path: {self.checkpoint_path}")
        self.set_trainable(layers)
        self.compile(learning_rate, self.config.LEARNING_MOMENTUM)
        workers = 0 if os.name == "nt" else multiprocessing.cpu_count()
        self.keras_model.fit_generator(
            train_generator,
            initial_epoch=self.epoch,
            epochs=epochs,
            steps_per_epoch=self.config.STEPS_PER_EPOCH,
            callbacks=callbacks,
            validation_data=val_generator,
            validation_steps=self.config.VALIDATION_STEPS,
            max_queue_size=100,
            workers=workers,
            use_multiprocessing=True,
        )
        self.epoch = max(self.epoch, epochs)


class OurConfig(TinyConfig):
    NAME = "ours"


class InferenceConfig(OurConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


dataset = InMemory(shapes(4))
model = OurModel(mode="training", config=OurConfig(), model_dir="logs")
before = model.keras_model.get_layer("mrcnn_class_logits").get_weights()
model.train(dataset, InMemory(shapes(2, seed=3)), 0.001, epochs=1, layers=r"(mrcnn\_.*)|(fpn\_.*)")
model.train(dataset, InMemory(shapes(2, seed=3)), 0.001, epochs=2, layers=".*")
after = model.keras_model.get_layer("mrcnn_class_logits").get_weights()
assert not np.array_equal(before[0], after[0])
assert model.epoch == 2
history = model.keras_model.history.history
assert np.isfinite(history["loss"]).all() and np.isfinite(history["val_loss"]).all()
files = os.listdir(model.log_dir)
assert {"mask_rcnn_ours_0001.h5", "mask_rcnn_ours_0002.h5"} <= set(files)

model = OurModel(mode="inference", config=InferenceConfig(), model_dir="logs")
model_path = model.find_last()
assert os.path.basename(model_path) == "mask_rcnn_ours_0002.h5"
model.load_weights(model_path, by_name=True)
np.testing.assert_array_equal(
    model.keras_model.get_layer("mrcnn_class_logits").get_weights()[0], after[0]
)
r = model.detect([dataset.load_image(0)], verbose=1)[0]
assert r["masks"].shape == (64, 64, len(r["rois"])) and len(r["rois"]) == len(r["scores"])
