"""List the models: what those that come with the package find, and how well; and published ones.

    mrcnn models

The name of a model stands wherever the path of a weights file may:

    mrcnn detect IMAGES --model nuclei
    mrcnn train DATA --from nuclei
    mrcnn info nuclei

Those of torchvision and Detectron2 are downloaded when they are first used.
"""

import argparse

from ..weights import zoo
from ..weights.card import read_card
from ..weights.catalogue import MODELS
from .info import megabytes, printed, published


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb: none.

    Args:
        parser: the verb's.
    """


def execute(options: argparse.Namespace) -> None:
    """Print a paragraph about each model.

    Args:
        options: not used.
    """
    for name, packaged in MODELS.items():
        card = read_card(packaged.path)
        facts = {
            "finds": packaged.finds,
            "measured": packaged.measured,
            "classes": ", ".join((card.class_names or [])[1:]),
            "score": f"{card.min_score:g} is recommended" if card.min_score else "",
            "licence": card.licence or "",
            "file": f"{packaged.path} ({megabytes(packaged.path)})",
        }
        print(name)
        print("\n".join(printed(facts)))
    print("\nweights of torchvision and Detectron2, with their AP on COCO as published:")
    for name in zoo.ZOO:
        if about := published(name)["on COCO"]:
            print(f"  {name:50}{about.removesuffix(', as published')}")
    backbones = [name for name in zoo.ZOO if not published(name)["on COCO"]]
    print(f"backbones, trained on ImageNet: {', '.join(backbones)}")
