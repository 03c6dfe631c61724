"""List the models that come with the package: what each finds, and how well.

    mrcnn models

The name of a model stands wherever the path of a weights file may:

    mrcnn detect IMAGES --model nuclei
    mrcnn train DATA --from nuclei
    mrcnn info nuclei
"""

import argparse

from ..weights.card import read_card
from ..weights.catalogue import MODELS
from .info import megabytes, printed


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
