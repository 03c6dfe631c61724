"""All that is known of an image's instances, moved and chosen together."""

import numpy as np


class Instances:
    """N instances of one image.

    Args:
        class_ids: [N] int32; negative for a crowd.
        fields: dict of the name of a field, such as "masks" or "boxes", to its values: an object
            like `InstanceMasks` or `InstanceBoxes`, of N instances, with `shape`, `visible`,
            `resize`, `flip`, `transpose` and `[chosen]`. The first one has the `boxes` of all.

    Attributes:
        class_ids, fields: as given.

    Raises:
        ValueError: there is no field, or one is of another number of instances.
    """

    def __init__(self, class_ids, fields):
        self.class_ids = np.asarray(class_ids, np.int32).reshape(-1)
        self.fields = dict(fields)
        if not self.fields:
            raise ValueError("instances have no field: boxes or masks at least are needed.")
        for name, values in self.fields.items():
            if len(values) != len(self.class_ids):
                raise ValueError(
                    f"there are {len(values)} {name} and {len(self.class_ids)} class ids: one of "
                    "each is needed for every instance."
                )

    def __len__(self):
        return len(self.class_ids)

    @property
    def _first(self):
        return next(iter(self.fields.values()))

    @property
    def boxes(self):
        """[N, 4] pixels, zeros where nothing of an instance can be seen."""
        return self._first.boxes

    @property
    def visible(self):
        """[N] bool, whether anything of an instance can be seen."""
        return self._first.visible

    @property
    def shape(self):
        """(height, width, N) of the image and its instances."""
        return self._first.shape

    @property
    def height(self):
        """Of the image in pixels."""
        return self.shape[0]

    @property
    def width(self):
        """Of the image in pixels."""
        return self.shape[1]

    def __getitem__(self, chosen):
        """The instances of a slice, a bool array [N] or an array of indices."""
        fields = {name: values[chosen] for name, values in self.fields.items()}
        return type(self)(self.class_ids[chosen], fields)

    def resize(self, scale, padding, crop=None):
        """The instances where `resize_image` put them.

        Args:
            scale, padding, crop: as `resize_image` returned them.
        """
        return self._each(lambda values: values.resize(scale, padding, crop))

    def flip(self, axis):
        """The instances mirrored top to bottom (`axis` 0) or left to right (1)."""
        return self._each(lambda values: values.flip(axis))

    def transpose(self):
        """The instances with rows and columns in each other's place."""
        return self._each(lambda values: values.transpose())

    def _each(self, move):
        fields = {name: move(values) for name, values in self.fields.items()}
        return type(self)(self.class_ids, fields)
