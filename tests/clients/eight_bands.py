"""Eight-band satellite images in NumPy files, and the weights of an RGB network."""

import os

import numpy as np
from tiny import TinyConfig, shapes

from mrcnn import model as modellib
from mrcnn import utils, visualize


class RgbConfig(TinyConfig):
    NAME = "bands"
    VALIDATION_EVERY = 0


class BandsConfig(RgbConfig):
    IMAGE_CHANNEL_COUNT = 8
    MEAN_PIXEL = np.array([110.0, 105.0, 112.0, 90.0, 100.0, 95.0, 60.0, 70.0])


class BandsInferenceConfig(BandsConfig):
    IMAGES_PER_GPU = 1


class BandsDataset(utils.Dataset):
    def load_bands(self, folder):
        self.add_class("bands", 1, "red")
        self.add_class("bands", 2, "blue")
        for name in sorted(os.listdir(folder)):
            self.add_image("bands", image_id=name, path=os.path.join(folder, name))

    def load_image(self, image_id):
        with np.load(self.image_info[image_id]["path"]) as file:
            return file["image"]

    def load_mask(self, image_id):
        with np.load(self.image_info[image_id]["path"]) as file:
            return file["masks"], file["class_ids"]


os.makedirs("scenes")
for number, (image, masks, class_ids) in enumerate(shapes(3)):
    bands = np.concatenate([image, image[..., ::-1], image[..., :2] // 2], axis=2)
    np.savez(f"scenes/{number}.npz", image=bands, masks=masks, class_ids=class_ids)
dataset = BandsDataset()
dataset.load_bands("scenes")
dataset.prepare()
assert dataset.load_image(0).shape == (64, 64, 8)

rgb = modellib.MaskRCNN("training", RgbConfig(), "logs")
rgb.keras_model.save_weights("rgb.h5")
config = BandsConfig()
assert config.IMAGE_SHAPE.tolist() == [64, 64, 8]
config.display()
model = modellib.MaskRCNN("training", config, "logs")
model.load_weights("rgb.h5", by_name=True, exclude=["conv1"])
assert model.keras_model.get_layer("conv1").get_weights()[0].shape[2] == 8
np.testing.assert_array_equal(
    model.keras_model.get_layer("res2a").get_weights()[0],
    rgb.keras_model.get_layer("res2a").get_weights()[0],
)
before = model.keras_model.get_layer("conv1").get_weights()[0]
model.train(dataset, dataset, learning_rate=0.001, epochs=1, layers="all")
assert not np.array_equal(model.keras_model.get_layer("conv1").get_weights()[0], before)

model = modellib.MaskRCNN("inference", BandsInferenceConfig(), "logs")
model.load_weights(model.find_last(), by_name=True)
image = dataset.load_image(0)
r = model.detect([image])[0]
assert r["masks"].shape == (64, 64, len(r["rois"]))
visualize.display_instances(
    image[:, :, :3],
    r["rois"],
    r["masks"],
    r["class_ids"],
    dataset.class_names,
    r["scores"],
    title="bands 1 to 3",
)
molded = model.detect(np.expand_dims(modellib.mold_image(image, model.config), 0))[0]
np.testing.assert_array_equal(molded["rois"], r["rois"])
