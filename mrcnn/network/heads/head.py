"""What a head is: a branch of the network over RoIs, with its own targets, losses and results.

A head of your own is one class, and its place in HEADS makes it part of the network::

    class AreaHead(Head):
        name, field, loss_names = "area", "areas", ("area_loss",)

        def build(self, features):
            self.pool = features.pooler(7, name="roi_align_area")
            self.dense = layers.Dense(1, name="area_fc")

        def outputs(self, rois):
            return {"area": self.dense(ops.mean(self.pool(rois), axis=(2, 3)))}  # [B, R, 1]

        def targets(self, matched):
            boxes = matched.of("boxes")  # [B, T, 4]
            return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])

        def losses(self, outputs, targets, matched):
            inputs = [outputs["area"][..., 0], targets, matched.class_ids]
            return {"area_loss": self.loss("area_loss", area_loss, inputs)}

        def decode(self, outputs, found):
            return outputs["area"][found.rows, 0]
"""

import dataclasses

import keras
from keras import ops

from ...ops import gather_rows
from ..losses import LossLayer


class Head:
    """Base of all heads (Mask R-CNN, section 3: heads work on each RoI in parallel).

    Args:
        config: the `Config` of the network.

    Attributes:
        name: what HEADS and messages call it.
        field: name of what it fills in the results, such as "masks".
        needs: names of the instance fields that a data set must have for its targets, such as
            ("masks",); class ids and boxes are always there.
        loss_names: names of its losses; each ends in "_loss".
        layer_names: regular expression of the names of its layers with weights, which train with
            "heads"; None stands for names that begin with its own.
        detection_outputs: names of its outputs that are part of the inference graph; None for all.
    """

    name = None
    field = None
    needs = ()
    loss_names = ()
    layer_names = None
    detection_outputs = None

    def __init__(self, config):
        self.config = config

    @classmethod
    def layer_regex(cls):
        """The regular expression that the names of its layers with weights match."""
        return cls.layer_names or rf"{cls.name}_.*"

    @classmethod
    def problems(cls, config):
        """What is wrong with the settings that the head reads, a list of sentences.

        Args:
            config: a `Config`.
        """
        return []

    @classmethod
    def inputs(cls, config):
        """What the training graph is given for it, a list of `loading.inputs.Input`.

        The loader's processes make them, so the module that declares them must not import Keras.

        Args:
            config: a `Config`.
        """
        return []

    def build(self, features):
        """Make the layers, each with a name that weight files know it by.

        Args:
            features: `Features` of the image.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build().")

    def outputs(self, rois):
        """What it predicts for RoIs; it may be called for one group of them after another.

        Args:
            rois: float tensor [B, R, 4], normalised.

        Returns:
            dict of name to tensor [B, R, ...].
        """
        raise NotImplementedError(f"{type(self).__name__} has no outputs().")

    def targets(self, matched):
        """What it should predict for the RoIs that train.

        Args:
            matched: `Matched`.

        Returns:
            Whatever `losses` takes.
        """
        return None

    def losses(self, outputs, targets, matched):
        """Its losses.

        Args:
            outputs: of `outputs`, for the RoIs of `matched`.
            targets: of `targets`.
            matched: `Matched`.

        Returns:
            dict of the `loss_names` to scalars.
        """
        return {}

    def train(self, matched):
        """Outputs and losses for the RoIs that train; a head that learns from some overrides it.

        Args:
            matched: `Matched`.

        Returns:
            dict of name to tensor [B, T, ...], and dict of name to scalar.
        """
        outputs = self.outputs(matched.rois)
        return outputs, self.losses(outputs, self.targets(matched), matched)

    def decode(self, outputs, found):
        """What the results get as `field`, in numpy. It is called on a head that was not built.

        Args:
            outputs: dict of the name of an output to its rows [D, ...] for an image's detections.
            found: `Found`.

        Returns:
            One value, or array, for each of the N instances.
        """
        raise NotImplementedError(f"{type(self).__name__} has no decode().")

    @staticmethod
    def loss(name, function, inputs):
        """A loss as a layer, by whose name the model finds it.

        Args:
            name: one of `loss_names`.
            function: takes the inputs as its arguments and gives a scalar, see `losses.mean_of`.
            inputs: list of tensors.

        Returns:
            Float32 scalar.
        """
        return LossLayer(function, name=name)(inputs)


class Features:
    """What the heads see of the images.

    Args:
        levels: [P2, P3, P4, P5], tensors [B, H / stride, W / stride, C].
        image_meta: tensor [B, 12 + classes].
        pooler: the class of ROI_POOLER.
    """

    def __init__(self, levels, image_meta, pooler):
        self.levels = list(levels)
        self.image_meta = image_meta
        self._pooler = pooler

    def pooler(self, size, name):
        """A pooler of its own for a head.

        Args:
            size: side of the crops, in cells.
            name: of the layer.

        Returns:
            Function of RoIs [B, R, 4], normalised, that gives [B, R, size, size, C].
        """
        layer = self._pooler((size, size), name=name)
        return lambda rois: layer([rois, self.image_meta, *self.levels])


@dataclasses.dataclass(frozen=True)
class Matched:
    """The RoIs that train, each with its instance, see `sampling.RoiSampler`.

    Attributes:
        rois: float tensor [B, T, 4], normalised: positives, then negatives, then zeros.
        class_ids: int32 tensor [B, T], 0 for negatives and padding.
        instances: int32 tensor [B, T], index of each positive's instance in the ground truth.
        positives: int P, how many of the first RoIs can be positive.
        truth: dict of tensors [B, G, ...] or [B, ..., G]: `boxes` [B, G, 4], normalised,
            `class_ids` [B, G], and what the heads are given by their `inputs`.
        active_class_ids: tensor [B, classes], 1 for the classes of the image's source.
        image_shape: tensor [B, 3], (height, width, channels) of the network's input in pixels.
        axes: dict of the name of a truth to the axis of its instances, without the batch's; 0
            where it is missing.
    """

    rois: object
    class_ids: object
    instances: object
    positives: int
    truth: dict
    active_class_ids: object
    image_shape: object = None
    axes: dict = dataclasses.field(default_factory=dict)

    def of(self, name):
        """The ground truth `name` of each RoI's instance, a float32 tensor [B, T, ...]."""
        return OfInstances(self.axes.get(name, 0))([self.truth[name], self.instances])


class OfInstances(keras.layers.Layer):
    """What the ground truth says of each RoI's instance.

    Args:
        axis: of the instances in the truth of one image.

    Call arguments:
        inputs: [truth [B, G, ...], or with another axis such as [B, ..., G]; instances int32
            [B, T]].

    Returns:
        Float32 tensor [B, T, ...].
    """

    def __init__(self, axis=0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.axis = axis

    def call(self, inputs):
        """See the class."""
        truth, instances = inputs
        truth = ops.moveaxis(ops.cast(truth, "float32"), self.axis + 1, 1)
        return gather_rows(truth, instances)

    def compute_output_spec(self, inputs):
        """[B, T, ...], float32."""
        truth, instances = inputs
        rest = [side for axis, side in enumerate(truth.shape[1:]) if axis != self.axis]
        return keras.KerasTensor((*instances.shape, *rest), "float32")


@dataclasses.dataclass(frozen=True)
class Found:
    """The N detections of an image, in numpy.

    Attributes:
        rows: int [N], their rows in the network's outputs.
        class_ids: int32 [N].
        boxes: int32 [N, 4] pixels of the image.
        image_shape: (H, W, C) of the image.
        dense: whether masks are wanted as an array [H, W, N] instead of an `InstanceMasks`.
    """

    rows: object
    class_ids: object
    boxes: object
    image_shape: tuple
    dense: bool = True
