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
# You have images and have drawn outlines around the objects, in LabelMe or in the VGG Image
# Annotator (VIA). This notebook goes the whole way: it reads such files, finds what is wrong in
# them, chooses a configuration from the data, trains for a minute and looks at what the network
# finds. So that it needs no download, it first makes a small data set, in both formats.

# %%
import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from pprint import pprint

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's account of itself
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
os.chdir(folder.name)  # all that follows is written there

# %% [markdown]
# ## What an annotation tool writes
#
# LabelMe writes a json file for each image, with a label and the points (x, y) of each polygon. VIA
# writes one json file for all images, with the coordinates as two lists and the class as an
# attribute that you have named yourself, here "shape". We draw 40 images of squares, circles and
# triangles, trace their outlines and write both.


# %%
def outline(mask):
    """The polygon around a mask: [P, (x, y)] in pixels."""
    contours = measure.find_contours(np.pad(mask, 1).astype(float), 0.5)
    longest = measure.approximate_polygon(max(contours, key=len), tolerance=0.7)
    return np.round(longest[:-1, ::-1] - 0.5, 1)  # of the padding 1; pixel centres lie at 0.5


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
# The first shape of a LabelMe file, and the first region of the VIA file:

# %%
first = json.loads(Path("photos/00.json").read_text())
pprint({**first, "shapes": first["shapes"][:1]}, compact=True, width=96, sort_dicts=False)
first = json.loads(Path("via_region_data.json").read_text())["00.png"]
pprint({**first, "regions": first["regions"][:1]}, compact=True, width=96, sort_dicts=False)

# %% [markdown]
# ## Reading it
#
# One line reads either. The classes are those that the annotations name, in alphabetical order,
# after the background. The masks of both are the same, and nearly those that were drawn: IoU is
# intersection over union, 1 where masks agree in every pixel. The least is that of a triangle which
# another shape cuts in two: a polygon is one piece, and `outline` takes the larger. (Of several
# polygons with one `group_id` LabelMe makes one object.)

# %%
labelme = formats.LabelMeDataset.read("photos")
via = formats.ViaDataset.read("via_region_data.json", images="photos")
for dataset in (labelme, via):
    print(f"{type(dataset).__name__}: {dataset.num_images} images, {dataset.class_names}")


def agreement(dataset, other):
    """IoU [instances of all images] of the masks of one data set with those of another."""
    pairs = [(dataset.load_mask(i)[0], other.load_mask(i)[0]) for i in dataset.image_ids]
    return np.concatenate([np.diag(utils.compute_overlaps_masks(*pair)) for pair in pairs])


for name, iou in {
    "LabelMe and VIA": agreement(labelme, via),
    "LabelMe and what was drawn": agreement(labelme, drawn),
}.items():
    print(f"{name}: {len(iou)} masks, IoU {iou.mean():.3f} in the mean, {iou.min():.3f} at least")

# %% [markdown]
# ## What is usually wrong
#
# Real annotations have mistakes. We copy the folder and make five: an image is deleted, one is
# resized after it was annotated, a class is misspelt, an outline has two points only, an object is
# annotated twice.

# %%
shutil.copytree("photos", "mistakes")


def edit(name, change):
    """Change the list of shapes of an annotation."""
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
# places. With `class_names` the classes are fixed, and what is none of them is refused too: with
# training and validation in two folders, this keeps their classes in one order.

# %%
try:
    formats.LabelMeDataset.read("mistakes", class_names=["square", "circle", "triangle"])
except ValueError as error:
    print(error)

# %% [markdown]
# `strict=False` leaves out what cannot be used, with a warning. `check` then opens every image and
# draws every mask. Errors are what training would stumble over, or learn wrongly; remarks are worth
# a look.

# %%
dataset = formats.LabelMeDataset.read("mistakes", strict=False)
report = dataset.check()

# %% [markdown]
# All five are found. The best is to open the files and mend them. Where that is too much,
# `class_map` renames a class (or drops it: `{"circle": None}`), and `without` leaves out images.

# %%
dataset = formats.LabelMeDataset.read("mistakes", class_map={"sqare": "square"}, strict=False)
dataset = dataset.without(report.bad_image_ids)
report = dataset.check()

# %% [markdown]
# ## Training and validation
#
# We go on with the sound folder. A fifth of the images are held back to measure on. `split` draws
# them at random; if several images show the same patient, slide or scene, `split_by_group` keeps
# these together, or the validation would flatter. Then look: each outline must lie on its object,
# with the right name.

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
# that of the images, in multiples of 64; large images are reduced to `IMAGE_MAX_DIM`, which the
# smallest objects must survive. `MAX_GT_INSTANCES` is the most that an image has. The anchors, from
# which the network sets out, shall be as large as the objects: `anchor_coverage` measures how well
# they fit, and suggests better ones.
#
# `SmallNetwork` is a network of 9 million weights for a CPU. The other settings keep the training
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
    DETECTION_MIN_CONFIDENCE = 0.5
    OPTIMIZER = "adamw"
    LEARNING_RATE = 1e-3
    LR_SCHEDULE = "cosine"
    SEED = 0


config = ShapesConfig()
coverage = anchor_coverage(train, config)
print(coverage.summary())

# %% [markdown]
# In the figure, the scales that a `Config` has by default are red and the suggested ones black:
# with these the histogram moves to the right, so nearly all shapes have an anchor of IoU 0.7. On
# the right most of the default anchors (crosses) are larger than any shape (dot), while two of the
# suggested ones (circles) lie right among the shapes. We take the suggestion.

# %%
visualize.plot_anchor_coverage(coverage)
config.RPN_ANCHOR_SCALES = coverage.suggested_scales()

# %% [markdown]
# ## Training
#
# From random weights, a network learns nothing to speak of in a minute. So we start from weights
# that have learnt something similar: those of the nuclei, which come with the repository. They know
# two classes, we have four; the three layers whose shapes depend on that are left out and begin
# anew. `layers="heads"` trains what sits on the backbone and leaves the backbone as it is, the
# usual first stage of a training on few images.

# %%
keras.utils.set_random_seed(0)  # of the layers that begin anew
model = modellib.MaskRCNN("training", config, model_dir="logs")
loaded = model.load_weights(
    nucleus.NUCLEUS_WEIGHTS_PATH,
    by_name=True,
    exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"],
)
print(f"{len(loaded.loaded)} layers loaded, {len(loaded.excluded)} begin anew")
model.train(
    train,
    val,
    learning_rate=config.LEARNING_RATE,
    epochs=3,
    layers="heads",
    augmentation=augment.Flips(0.5),
    verbose=0,  # its progress would show times here, which differ from run to run
)
print("\n".join(sorted(path.name for path in Path(model.log_dir).iterdir())))

# %% [markdown]
# These are the files of the run; `history.csv` has a row for each epoch. The loss falls in all
# three epochs, that of validation (dashed) less: 32 images are few, and a longer training would
# learn them by heart. In the lower picture the average precision (AP) on the validation images, of
# boxes and of masks, is higher after the last epoch than after the first.

# %%
rows = history.read(model.log_dir)
for row in rows:
    print(f"epoch {row['epoch']}: loss {row['loss']:.2f}, of validation {row['val_loss']:.2f}")
of_speed = ("seconds", "images_per_second")
visualize.plot_history([{k: v for k, v in row.items() if k not in of_speed} for row in rows])

# %% [markdown]
# ## What it finds
#
# To detect, make a model in inference mode and load the last checkpoint. `evaluate` measures on the
# validation images; AP is COCO's average precision, at IoUs of 0.5 to 0.95.

# %%
config.IMAGES_PER_GPU = 1
detector = modellib.MaskRCNN("inference", config, model_dir="logs")
detector.load_weights(model.find_last(), by_name=True)
result = evaluation.evaluate(detector, val, min_score=0.5, progress=False)
for name, value in evaluation.headline(result).items():
    print(f"{name:10} {value:.2f}" if isinstance(value, float) else f"{name:10} {value}")

# %% [markdown]
# Each pair of pictures is a validation image: the truth on the left, on the right what is found. A
# detection that matches a shape, in class and with an IoU of 0.5, has its colour; what has no match
# is white or black. A minute of training is not enough for a good network, but the way is the same
# for a good one.

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
# For photographs start from COCO's weights, which have seen objects of 80 classes in more than
# 100,000 images, and take a larger network and a GPU. Only the configuration and the weights
# differ:
#
# ```python
# from mrcnn.weights import start_weights
#
#
# class OwnConfig(Config):
#     NAME = "own"
#     NUM_CLASSES = 1 + 3
#     BACKBONE = "resnet101"  # that of COCO's weights; "resnet50" takes the layers that both have
#
#
# model = modellib.MaskRCNN("training", OwnConfig(), model_dir="logs")
# start_weights.load(model, "coco")  # downloads them, and leaves out layers of other shapes
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
# - `inspect_data` looks closer at data: resizing, anchors, augmentation, what a batch holds.
# - `train_shapes` trains all layers on such shapes, and measures the result by class.
# - `inspect_model` and `inspect_weights` look into a network that does not do what it should.
# - `nucleus` is a complete project, with weights that can be used at once.
