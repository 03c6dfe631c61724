"""A callback that measures mean average precision with a second model while the first trains."""

import keras
import numpy as np
from tiny import InMemory, TinyConfig, shapes

from mrcnn import utils
from mrcnn.model import MaskRCNN, load_image_gt, mold_image


class TrainConfig(TinyConfig):
    NAME = "callback"
    STEPS_PER_EPOCH = 1
    VALIDATION_EVERY = 0


class PredictionConfig(TrainConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


class MeanAveragePrecisionCallback(keras.callbacks.Callback):
    def __init__(self, train_model, inference_model, dataset, every=1):
        super().__init__()
        self.train_model = train_model
        self.inference_model = inference_model
        self.dataset = dataset
        self.every = every
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        self.inference_model.load_weights(self.train_model.find_last(), by_name=True)
        ours, theirs = (
            model.get_layer("mrcnn_bbox_fc").get_weights()[0]
            for model in (self.inference_model.keras_model, self.model)
        )
        value = float(np.mean(list(self.average_precisions())))
        self.seen.append((epoch, np.array_equal(ours, theirs)))
        logs["val_mean_average_precision"] = value

    def average_precisions(self):
        config = self.inference_model.config
        for image_id in self.dataset.image_ids:
            image, _, gt_class_id, gt_bbox, gt_mask = load_image_gt(
                self.dataset, config, image_id, use_mini_mask=False
            )
            sample = np.expand_dims(mold_image(image, config), 0)
            r = self.inference_model.detect(sample, verbose=0)[0]
            ap, _, _, _ = utils.compute_ap(
                gt_bbox,
                gt_class_id,
                gt_mask,
                r["rois"],
                r["class_ids"],
                r["scores"],
                r["masks"],
            )
            yield ap


def average_precisions_of_ours(callback):
    """The same from plain images, as `detect` wants them."""
    for image_id in callback.dataset.image_ids:
        image, _, gt_class_id, gt_bbox, gt_mask = load_image_gt(
            callback.dataset, callback.inference_model.config, image_id, use_mini_mask=False
        )
        r = callback.inference_model.detect([image])[0]
        found = r["rois"], r["class_ids"], r["scores"], r["masks"]
        yield utils.compute_ap(gt_bbox, gt_class_id, gt_mask, *found)[0]


train_model = MaskRCNN(mode="training", config=TrainConfig(), model_dir="logs")
inference_model = MaskRCNN(mode="inference", config=PredictionConfig(), model_dir="logs")
callback = MeanAveragePrecisionCallback(train_model, inference_model, InMemory(shapes(2, seed=4)))
train_model.train(
    InMemory(shapes(4)),
    InMemory(shapes(2, seed=4)),
    learning_rate=0.001,
    epochs=2,
    layers="all",
    custom_callbacks=[callback],
)
assert callback.seen == [(0, True), (1, True)]
assert list(callback.average_precisions()) == list(average_precisions_of_ours(callback))
