# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own data, from annotations to a trained network
#
# You have images and have outlined the objects in them, with LabelMe or the VGG Image Annotator
# (VIA). This notebook goes the whole way from there. It reads such files, finds what is wrong with
# them, chooses a configuration to suit the data, trains for a minute and looks at what the network
# finds. To do without a download, it first creates a small dataset in both formats.

# %%
import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from pprint import pprint

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages
ROOT_DIR = Path("..").resolve()
sys.path.insert(0, str(ROOT_DIR))

import keras
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage import measure

from mrcnn import augment, evaluation, formats, utils, visualize
from mrcnn import model as modellib
from mrcnn.anchors.coverage import anchor_coverage
from mrcnn.config import Config
from mrcnn.presets import SmallNetwork
from mrcnn.runs import history
from samples.nucleus import nucleus
from samples.shapes.shapes_dataset import ShapesDataset

# %config InlineBackend.print_figure_kwargs = {"dpi": 100, "bbox_inches": "tight"}
logging.basicConfig(stream=sys.stdout, format="%(levelname)s: %(message)s")
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)  # everything below is written there

# %% [markdown]
# ## What an annotation tool writes
#
# LabelMe writes one json file per image, with a label and the points (x, y) of each polygon. VIA
# writes one json file for all images, with the coordinates as two lists and the class as an
# attribute that you name yourself, here "shape". The next cell draws 40 images of squares, circles
# and triangles, traces their outlines and writes both formats.


# %%
def outline(mask):
    """The polygon around a mask: [P, (x, y)] in pixels."""
    contours = measure.find_contours(np.pad(mask, 1).astype(float), 0.5)
    longest = measure.approximate_polygon(max(contours, key=len), tolerance=0.7)
    return np.round(longest[:-1, ::-1] - 0.5, 1)  # without the padding; pixel centres are at 0.5


drawn = ShapesDataset()
drawn.load_shapes(40, height=128, width=128, seed=0)
drawn.prepare()
Path("photos").mkdir()
via = {}
for image_id in drawn.image_ids:
    image, (masks, class_ids) = drawn.load_image(image_id), drawn.load_mask(image_id)
    name = f"{image_id:02}.png"
    Image.fromarray(image).save(Path("photos", name))
    shapes, regions = [], []
    for mask, class_id in zip(np.moveaxis(masks, -1, 0), class_ids, strict=True):
        points, label = outline(mask), drawn.class_names[class_id]
        shapes.append({"label": label, "shape_type": "polygon", "points": points.tolist()})
        xs, ys = points.T.tolist()
        polygon = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
        regions.append({"shape_attributes": polygon, "region_attributes": {"shape": label}})
    labelme = {"imagePath": name, "imageHeight": 128, "imageWidth": 128, "shapes": shapes}
    Path("photos", f"{image_id:02}.json").write_text(json.dumps(labelme))
    via[name] = {"filename": name, "size": -1, "regions": regions}
with open("via_region_data.json", "w") as file:
    json.dump(via, file)

# %% [markdown]
# Here are the first shape of a LabelMe file and the first region of the VIA file:

# %%
first = json.loads(Path("photos/00.json").read_text())
pprint({**first, "shapes": first["shapes"][:1]}, compact=True, width=96, sort_dicts=False)
first = json.loads(Path("via_region_data.json").read_text())["00.png"]
pprint({**first, "regions": first["regions"][:1]}, compact=True, width=96, sort_dicts=False)

# %% [markdown]
# ## Reading the files
#
# One line reads either format. The classes are those that the annotations name, in alphabetical
# order, after the background. Both formats give the same masks, nearly identical to those that were
# drawn: IoU is intersection over union, 1 where two masks agree in every pixel. The lowest IoU is
# that of a triangle that another shape cuts in two: a polygon is one piece, and `outline` takes the
# larger. (LabelMe joins several polygons with the same `group_id` into one object.)

# %%
labelme = formats.LabelMeDataset.read("photos")
via = formats.ViaDataset.read("via_region_data.json", images="photos")
for dataset in (labelme, via):
    print(f"{type(dataset).__name__}: {dataset.num_images} images, {dataset.class_names}")


def agreement(dataset, other):
    """Return the IoU of each mask in one dataset with its counterpart in the other: [instances]."""
    pairs = [(dataset.load_mask(i)[0], other.load_mask(i)[0]) for i in dataset.image_ids]
    return np.concatenate([np.diag(utils.compute_overlaps_masks(*pair)) for pair in pairs])


for name, iou in {
    "LabelMe and VIA": agreement(labelme, via),
    "LabelMe and what was drawn": agreement(labelme, drawn),
}.items():
    print(f"{name}: {len(iou)} masks, mean IoU {iou.mean():.3f}, lowest {iou.min():.3f}")

# %% [markdown]
# ## What is usually wrong
#
# Real annotations have mistakes. The next cell copies the folder and makes five: an image is
# deleted, another is resized after annotation, a class is misspelt, an outline has only two points,
# and an object is annotated twice.

# %%
shutil.copytree("photos", "mistakes")


def edit(name, change):
    """Change the list of shapes in an annotation file."""
    path = Path("mistakes", f"{name}.json")
    data = json.loads(path.read_text())
    change(data["shapes"])
    path.write_text(json.dumps(data))


Path("mistakes/03.png").unlink()
Image.open("photos/05.png").resize((64, 64)).save("mistakes/05.png")
edit("06", lambda shapes: shapes[0].update(label="sqare"))
edit("08", lambda shapes: shapes[0].update(points=shapes[0]["points"][:2]))
edit("09", lambda shapes: shapes.append(shapes[0]))

# %% [markdown]
# What cannot be an annotation at all is refused on reading, with one error that lists all such
# places. With `class_names`, the classes are fixed, and any other class is refused too. If training
# and validation data are in two folders, this keeps their classes in the same order.

# %%
try:
    formats.LabelMeDataset.read("mistakes", class_names=["square", "circle", "triangle"])
except ValueError as error:
    print(error)

# %% [markdown]
# `strict=False` leaves out what cannot be used, with a warning. `check` then opens every image and
# draws every mask. Errors are what training would fail on or learn wrongly; remarks are worth a
# look.

# %%
dataset = formats.LabelMeDataset.read("mistakes", strict=False)
report = dataset.check()

# %% [markdown]
# All five are found. It is best to open the files and fix them. Where that is too much work,
# `class_map` renames a class (or drops it: `{"circle": None}`), and `without` leaves out images.

# %%
dataset = formats.LabelMeDataset.read("mistakes", class_map={"sqare": "square"}, strict=False)
dataset = dataset.without(report.bad_image_ids)
report = dataset.check()

# %% [markdown]
# ## Training and validation
#
# The rest of this notebook uses the original folder. A fifth of the images are held back for
# validation. `split` draws them at random. If several images show the same patient, slide or scene,
# `split_by_group` keeps these together; otherwise the validation results would be too good. Then
# look: every outline must lie on its object and carry the right name.

# %%
dataset = labelme
report = dataset.check()
train, val = dataset.split(0.2, seed=0)
print(f"{train.num_images} images to train on, {val.num_images} to validate")

# %%
fig, axes = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained")
for ax, image_id in zip(axes, train.image_ids, strict=False):
    masks, class_ids = train.load_mask(image_id)
    visualize.display_instances(
        train.load_image(image_id),
        utils.extract_bboxes(masks),
        masks,
        class_ids,
        train.class_names,
        title=f"image {image_id}",
        ax=ax,
        show_bbox=False,
    )
plt.show()

# %% [markdown]
# ## A configuration from the data
#
# Four settings follow from the data. The number of classes includes the background. The size is
# that of the images, in multiples of 64. Larger images are reduced to `IMAGE_MAX_DIM`, and the
# smallest objects must survive that. `MAX_GT_INSTANCES` is the largest number of instances in an
# image. The anchors, from which the network starts, should be as large as the objects:
# `anchor_coverage` measures how well they fit and suggests better ones.
#
# `SmallNetwork` is a network of 9 million weights for a CPU. The other settings keep training
# short; `inspect_data` explains more of them.


# %%
class ShapesConfig(SmallNetwork, Config):
    NAME = "own_data"
    NUM_CLASSES = dataset.num_classes
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    MAX_GT_INSTANCES = max(report.instances_per_image)

    IMAGES_PER_GPU = 4
    STEPS_PER_EPOCH = 20
    VALIDATION_STEPS = 2
    TRAIN_ROIS_PER_IMAGE = 32
    POST_NMS_ROIS_TRAINING = 100
    POST_NMS_ROIS_INFERENCE = 50
    DETECTION_MAX_INSTANCES = 50
    DETECTION_MIN_CONFIDENCE = 0.5
    OPTIMIZER = "adamw"
    LEARNING_RATE = 1e-3
    LR_SCHEDULE = "cosine"
    SEED = 0


config = ShapesConfig()
coverage = anchor_coverage(train, config)
print(coverage.summary())

# %% [markdown]
# In the figure, the default scales of `Config` are red and the suggested ones black. The suggested
# ones move the histogram to the right: nearly all shapes have an anchor with an IoU of 0.7. On the
# right, most of the default anchors (crosses) are larger than any shape (dot), while two of the
# suggested ones (circles) lie right among the shapes. The next cell applies the suggestion.

# %%
visualize.plot_anchor_coverage(coverage)
config.RPN_ANCHOR_SCALES = coverage.suggested_scales()

# %% [markdown]
# ## Training
#
# From random weights, a network learns next to nothing in a minute. This run therefore starts from
# weights that have learnt something similar: the nucleus weights that come with the repository.
# They know two classes, and this dataset has four. The three layers whose shapes depend on the
# number of classes are left out and re-initialised. `layers="heads"` trains everything on top of
# the backbone and leaves the backbone as it is. This is the usual first stage when images are few.

# %%
keras.utils.set_random_seed(0)  # for the re-initialised layers
model = modellib.MaskRCNN("training", config, model_dir="logs")
loaded = model.load_weights(
    nucleus.NUCLEUS_WEIGHTS_PATH,
    by_name=True,
    exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"],
)
print(f"{len(loaded.loaded)} layers loaded, {len(loaded.excluded)} re-initialised")
model.train(
    train,
    val,
    learning_rate=config.LEARNING_RATE,
    epochs=3,
    layers="heads",
    augmentation=augment.Flips(0.5),
    verbose=0,  # progress shows times, which differ from run to run
)
print("\n".join(sorted(path.name for path in Path(model.log_dir).iterdir())))

# %% [markdown]
# These are the files of the run; `history.csv` has one row per epoch. The training loss falls in
# all three epochs. The validation loss (dashed) falls less: 32 images are few, and a longer run
# would memorise them. In the lower panel, the average precision (AP) on the validation images, for
# boxes and for masks, is higher after the last epoch than after the first.

# %%
rows = history.read(model.log_dir)
for row in rows:
    print(f"epoch {row['epoch']}: loss {row['loss']:.2f}, validation {row['val_loss']:.2f}")
of_speed = ("seconds", "images_per_second")
visualize.plot_history([{k: v for k, v in row.items() if k not in of_speed} for row in rows])

# %% [markdown]
# ## What it finds
#
# To detect, create a model in inference mode and load the last checkpoint. `evaluate` measures it
# on the validation images. AP is COCO's average precision, at IoUs of 0.5 to 0.95.

# %%
config.IMAGES_PER_GPU = 1
detector = modellib.MaskRCNN("inference", config, model_dir="logs")
detector.load_weights(model.find_last(), by_name=True)
result = evaluation.evaluate(detector, val, min_score=0.5, progress=False)
for name, value in evaluation.headline(result).items():
    print(f"{name:10} {value:.2f}" if isinstance(value, float) else f"{name:10} {value}")

# %% [markdown]
# Each pair of panels is one validation image, with the ground truth on the left and the detections
# on the right. A detection that matches a shape, in class and with an IoU of at least 0.5, has the
# same colour; anything unmatched is white or black. A minute of training does not make a good
# network, but the way to a good one is the same.

# %%
fig, axes = plt.subplots(2, 4, figsize=(13, 7), layout="constrained")
for pair, image_id in zip(axes.reshape(-1, 2), val.image_ids, strict=False):
    image, (masks, class_ids) = val.load_image(image_id), val.load_mask(image_id)
    truth = {"rois": utils.extract_bboxes(masks), "class_ids": class_ids, "masks": masks}
    found = detector.detect([image])[0]
    visualize.compare(image, truth, found, val.class_names, axes=pair)
plt.show()

# %% [markdown]
# ## The same for photographs
#
# For photographs, start from COCO's weights, which have seen objects of 80 classes in more than
# 100,000 images, and use a larger network and a GPU. Only the configuration and the weights differ:
#
# ```python
# from mrcnn.weights import start_weights
#
#
# class OwnConfig(Config):
#     NAME = "own"
#     NUM_CLASSES = 1 + 3
#     BACKBONE = "resnet101"  # as in COCO's weights; "resnet50" loads the layers that both have
#
#
# model = modellib.MaskRCNN("training", OwnConfig(), model_dir="logs")
# start_weights.load(model, "coco")  # downloads them, and leaves out layers whose shapes differ
# model.train(
#     train,
#     val,
#     learning_rate=[1e-3, 1e-4],
#     epochs=[20, 40],
#     layers=["heads", "all"],
#     augmentation=augment.photographs(),
# )
# ```
#
# ## What next
#
# - `inspect_data` takes a closer look at data: resizing, anchors, augmentation, what a batch
#   contains.
# - `train_shapes` trains all layers on such shapes and measures the result by class.
# - `inspect_model` and `inspect_weights` look inside a network that does not do what it should.
# - `nucleus` is a complete project, with weights that are ready to use.
