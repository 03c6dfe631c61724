"""A tutorial's project: boxes in XML files, an evaluation loop, plots of truth and detections."""

import os
from xml.etree import ElementTree

import skimage.io
from matplotlib import pyplot
from matplotlib.patches import Rectangle
from numpy import asarray, expand_dims, mean, zeros
from tiny import TinyConfig, shapes

from mrcnn.model import MaskRCNN, load_image_gt, mold_image
from mrcnn.utils import Dataset, compute_ap


class KangarooDataset(Dataset):
    def load_dataset(self, dataset_dir, is_train=True):
        self.add_class("dataset", 1, "kangaroo")
        for filename in sorted(os.listdir(f"{dataset_dir}/images")):
            image_id = filename[:-4]
            if is_train == (int(image_id) >= 3):
                continue
            self.add_image(
                "dataset",
                image_id=image_id,
                path=f"{dataset_dir}/images/{filename}",
                annotation=f"{dataset_dir}/annots/{image_id}.xml",
            )

    def extract_boxes(self, filename):
        root = ElementTree.parse(filename).getroot()
        boxes = [
            [int(box.find(side).text) for side in ("xmin", "ymin", "xmax", "ymax")]
            for box in root.findall(".//bndbox")
        ]
        size = root.find("size")
        return boxes, int(size.find("width").text), int(size.find("height").text)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        boxes, w, h = self.extract_boxes(info["annotation"])
        masks = zeros([h, w, len(boxes)], dtype="uint8")
        class_ids = []
        for i, (x1, y1, x2, y2) in enumerate(boxes):
            masks[y1:y2, x1:x2, i] = 1
            class_ids.append(self.class_names.index("kangaroo"))
        return masks, asarray(class_ids, dtype="int32")

    def image_reference(self, image_id):
        return self.image_info[image_id]["path"]


class KangarooConfig(TinyConfig):
    NAME = "kangaroo_cfg"
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 3


class PredictionConfig(TinyConfig):
    NAME = "kangaroo_cfg"
    NUM_CLASSES = 1 + 1
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


def write_files(folder):
    os.makedirs(f"{folder}/images")
    os.makedirs(f"{folder}/annots")
    for number, (image, masks, _) in enumerate(shapes(5)):
        skimage.io.imsave(f"{folder}/images/{number:05d}.png", image, check_contrast=False)
        boxes = ""
        for index in range(masks.shape[-1]):
            y, x = masks[..., index].nonzero()
            boxes += (
                f"<object><name>kangaroo</name><bndbox><xmin>{x.min()}</xmin>"
                f"<ymin>{y.min()}</ymin><xmax>{x.max() + 1}</xmax><ymax>{y.max() + 1}</ymax>"
                "</bndbox></object>"
            )
        size = "<size><width>64</width><height>64</height><depth>3</depth></size>"
        with open(f"{folder}/annots/{number:05d}.xml", "w") as file:
            file.write(f"<annotation>{size}{boxes}</annotation>")


def evaluate_model(dataset, model, cfg):
    APs = []
    for image_id in dataset.image_ids:
        image, _, gt_class_id, gt_bbox, gt_mask = load_image_gt(
            dataset, cfg, image_id, use_mini_mask=False
        )
        scaled_image = mold_image(image, cfg)
        sample = expand_dims(scaled_image, 0)
        yhat = model.detect(sample, verbose=0)
        r = yhat[0]
        AP, _, _, _ = compute_ap(
            gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
        )
        APs.append(AP)
    return mean(APs)


def plot_actual_vs_predicted(dataset, model, cfg, n_images=2):
    for i in range(n_images):
        image = dataset.load_image(i)
        mask, _ = dataset.load_mask(i)
        sample = expand_dims(mold_image(image, cfg), 0)
        yhat = model.detect(sample, verbose=0)[0]
        pyplot.subplot(n_images, 2, i * 2 + 1)
        pyplot.imshow(image)
        pyplot.title("Actual")
        for j in range(mask.shape[2]):
            pyplot.imshow(mask[:, :, j], cmap="gray", alpha=0.3)
        pyplot.subplot(n_images, 2, i * 2 + 2)
        pyplot.imshow(image)
        ax = pyplot.gca()
        for y1, x1, y2, x2 in yhat["rois"]:
            ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color="red"))
    pyplot.show()


write_files("kangaroo")
train_set = KangarooDataset()
train_set.load_dataset("kangaroo", is_train=True)
train_set.prepare()
test_set = KangarooDataset()
test_set.load_dataset("kangaroo", is_train=False)
test_set.prepare()
assert (len(train_set.image_ids), len(test_set.image_ids)) == (3, 2)

model = MaskRCNN(mode="training", model_dir="./", config=KangarooConfig())
model.keras_model.save_weights("start.h5")
heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
model.load_weights("start.h5", by_name=True, exclude=heads)
model.train(train_set, test_set, learning_rate=model.config.LEARNING_RATE, epochs=1, layers="heads")

cfg = PredictionConfig()
model = MaskRCNN(mode="inference", model_dir="./", config=cfg)
model.load_weights(model.find_last(), by_name=True)
value = evaluate_model(test_set, model, cfg)
assert 0 <= value <= 1
plain = model.detect([test_set.load_image(0)])[0]
molded = model.detect(expand_dims(mold_image(test_set.load_image(0), cfg), 0))[0]
assert plain["rois"].tolist() == molded["rois"].tolist()
assert plain["scores"].tolist() == molded["scores"].tolist()
plot_actual_vs_predicted(test_set, model, cfg)
