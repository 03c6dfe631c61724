"""Report pixels that hold no data, or may hold none."""

import numpy as np

from ..config import Config
from ..images import nodata
from ..types import Array
from .report import Report


def report_missing_pixels(
    image: Array, image_id: int, name: str, config: type[Config] | Config, report: Report
) -> None:
    """Add the remarks of `nodata.find` about an image to a report.

    Args:
        image: [H, W] or [H, W, C] numbers or booleans, possibly masked.
        image_id: index of the image in the dataset.
        name: of the image.
        config: IMAGE_NODATA and IMAGE_SCALING.
        report: the remarks are added to it.

    Raises:
        ValueError: see `nodata.find`.
    """
    values = np.atleast_3d(np.ma.getdata(image))
    masked = np.atleast_3d(np.ma.getmaskarray(image)) if np.ma.is_masked(image) else None
    guess = isinstance(config.IMAGE_SCALING, str) and config.IMAGE_SCALING != "full"
    _, _, remarks = nodata.find(values, masked, config.IMAGE_NODATA, guess, name)
    for remark in remarks.values():
        report.remark("values that mean, or may mean, no data", remark, image_id)
