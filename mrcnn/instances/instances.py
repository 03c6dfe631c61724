"""Everything known about an image's instances, moved and selected together."""

import numpy as np


class Instances:
    """N instances of one image.

    Args:
        class_ids: [N] int32; negative for a crowd.
        fields: dict of field name, such as "masks" or "boxes", to the field's values: an object
            like `InstanceMasks` or `InstanceBoxes`, of N instances, with `shape`, `visible`,
            `resize`, `flip`, `transpose` and `[chosen]`. The first one must also have `boxes`.

    Attributes:
        class_ids, fields: as given.

    Raises:
        ValueError: there is no field, or one has a different number of instances.
    """

    def __init__(self, class_ids, fields):
        self.class_ids = np.asarray(class_ids, np.int32).reshape(-1)
        self.fields = dict(fields)
        if not self.fields:
            raise ValueError("instances have no field: at least boxes or masks are needed.")
        for name, values in self.fields.items():
            if len(values) != len(self.class_ids):
                raise ValueError(
                    f"there are {len(values)} {name} and {len(self.class_ids)} class ids: every "
                    "instance needs one of each."
                )

    def __len__(self):
        return len(self.class_ids)

    @property
    def _first(self):
        return next(iter(self.fields.values()))

    @property
    def boxes(self):
        """[N, 4] pixels, zeros where an instance is not visible."""
        return self._first.boxes

    @property
    def visible(self):
        """[N] bool, whether any part of an instance is visible."""
        return self._first.visible

    @property
    def shape(self):
        """(height, width, N) of the image and its instances."""
        return self._first.shape

    @property
    def height(self):
        """Height of the image in pixels."""
        return self.shape[0]

    @property
    def width(self):
        """Width of the image in pixels."""
        return self.shape[1]

    def __getitem__(self, chosen):
        """The instances selected by a slice, a bool array [N] or an array of indices."""
        fields = {name: values[chosen] for name, values in self.fields.items()}
        return type(self)(self.class_ids[chosen], fields)

    def resize(self, scale, padding, crop=None):
        """The instances, moved as `resize_image` moved the image.

        Args:
            scale, padding, crop: as `resize_image` returned them.
        """
        return self._each(lambda values: values.resize(scale, padding, crop))

    def flip(self, axis):
        """The instances mirrored top to bottom (`axis` 0) or left to right (1)."""
        return self._each(lambda values: values.flip(axis))

    def transpose(self):
        """The instances with rows and columns swapped."""
        return self._each(lambda values: values.transpose())

    def _each(self, move):
        fields = {name: move(values) for name, values in self.fields.items()}
        return type(self)(self.class_ids, fields)
