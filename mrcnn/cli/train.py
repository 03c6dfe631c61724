"""Train a model on your images.

  mrcnn train cells/ --from nuclei
      on the images and outlines in a folder, starting from a model that comes with the package;
      ten images in LabelMe's format are a good start

  mrcnn train balloon/ --from nuclei --set LEARNING_RATE=1e-4 --epochs 20
      any setting can be changed; folders train and val are recognised

  mrcnn train cells/ --from nuclei --resume
      continue a run that was stopped

  mrcnn train coco/ --from coco --layers heads
      from weights of matterport's Mask_RCNN, downloaded once; needs a GPU

The format of the data is recognised by its files, see `mrcnn check`. The network and its recipe are
those of the model to start from. What does not suit your data is changed: classes, how images are
resized, anchors, limits on the number of objects, and the length of training. The command says what
it does before it begins. --set has the last word.

The weights are saved after each epoch, in a folder of their own in logs/. weights/best.h5 is the
model: one file for `mrcnn detect --model`.
"""

import argparse

from .data import add_data, add_val
from .options import count
from .settings import add_settings
from .training_plan import TrainingPlan

AUGMENTATIONS = ("microscopy", "photographs", "flips", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb to its `parser`."""
    add_data(parser)
    add = parser.add_argument
    add(
        "--from",
        dest="start",
        default="nuclei",
        metavar="MODEL",
        help="what to start from: a model of `mrcnn models`, a weights file, the folder of a run, "
        "last or best (of the latest run with this name), coco or imagenet (downloaded); default: "
        "%(default)s",
    )
    add("--name", help="name of the run's folder; default: that of DATA")
    add("--logs", default="logs", metavar="FOLDER", help="folder of all runs; default: logs")
    add_val(parser)
    add("--epochs", type=count, metavar="N", help="default: by the number of images")
    add("--layers", metavar="NAMES", help="layers to train: heads, 5+, 4+, 3+ or all")
    add(
        "--augment",
        choices=AUGMENTATIONS,
        help="how images are varied: photographs keep what is up, microscopy has no up and down, "
        "flips only mirrors; default: by the images",
    )
    add("--limit", type=count, metavar="N", help="only N images, drawn at random, for a quick try")
    add("--resume", action="store_true", help="resume the last run of this name, if there is one")
    add("--print-python", action="store_true", help="print Python lines that do the same, and stop")
    add_settings(parser)


def execute(options: argparse.Namespace) -> None:
    """Train as `options` ask for."""
    plan = TrainingPlan.of(options)
    if options.print_python:
        print(plan.python())
    else:
        plan.run()
