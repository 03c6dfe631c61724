"""The head interface: a network branch over RoIs, with its own targets, losses and results.

A custom head is one class; listing it in HEADS makes it part of the network::

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
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from ...config import Config
from ...decoding.found import Found
from ...loading.inputs import Input
from ...ops import gather_rows
from ...types import Array, Tensor
from ..losses import LossLayer


class Head:
    """Base class of all heads (Mask R-CNN, section 3: heads work on each RoI in parallel).

    Args:
        config: the network's settings.

    Attributes:
        name: what HEADS and messages call it.
        field: name of the field that it fills in the results, such as "masks".
        needs: names of the instance fields that a dataset must have for its targets, such as
            ("masks",); class ids and boxes are always available.
        loss_names: names of its losses; each ends in "_loss".
        layer_names: regular expression that matches its layers with weights, which train with
            "heads". None: those whose names start with the head's own.
        detection_outputs: names of its outputs that the inference graph includes; None for all.
    """

    name: str | None = None
    field: str | None = None
    needs: tuple[str, ...] = ()
    loss_names: tuple[str, ...] = ()
    layer_names: str | None = None
    detection_outputs: tuple[str, ...] | None = None

    def __init__(self, config: Config) -> None:
        self.config = config

    def get_config(self) -> dict[str, Any]:
        """Nothing: a head has no arguments but the network's settings.

        Keras asks for this method where a class is registered, which a Keras archive of a network
        with a custom head needs.
        """
        return {}

    @classmethod
    def layer_regex(cls) -> str:
        """The regular expression that matches the names of the head's layers with weights."""
        return cls.layer_names or rf"{cls.name}_.*"

    @classmethod
    def problems(cls, config: Config) -> list[str]:
        """What is wrong with the settings that the head reads, as a list of sentences.

        Args:
            config: the network's settings.
        """
        return []

    @classmethod
    def inputs(cls, config: Config) -> list[Input]:
        """The training graph's inputs for this head.

        The loader's processes compute them, so the module that declares them must not import Keras.

        Args:
            config: the network's settings.
        """
        return []

    def build(self, features: "Features") -> None:
        """Create the layers, each with the name that identifies it in weight files.

        Args:
            features: those of the images.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build().")

    def outputs(self, rois: Tensor) -> dict[str, Tensor]:
        """The head's predictions for RoIs; may be called several times, for different RoIs.

        Args:
            rois: float tensor [B, R, 4], normalised.

        Returns:
            dict of name to tensor [B, R, ...].
        """
        raise NotImplementedError(f"{type(self).__name__} has no outputs().")

    def targets(self, matched: "Matched") -> Any:
        """What the head should predict for the training RoIs.

        Args:
            matched: the training RoIs.

        Returns:
            Whatever `losses` takes.
        """
        return None

    def losses(
        self, outputs: dict[str, Tensor], targets: Any, matched: "Matched"
    ) -> dict[str, Tensor]:
        """The head's losses.

        Args:
            outputs: from `outputs`, for the RoIs of `matched`.
            targets: from `targets`.
            matched: the training RoIs.

        Returns:
            dict of the `loss_names` to scalars.
        """
        return {}

    def train(self, matched: "Matched") -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Outputs and losses for the training RoIs; override it to learn from only some of them.

        Args:
            matched: the training RoIs.

        Returns:
            dict of name to tensor [B, T, ...], and dict of name to scalar.
        """
        outputs = self.outputs(matched.rois)
        return outputs, self.losses(outputs, self.targets(matched), matched)

    def decode(self, outputs: dict[str, Array], found: "Found") -> Any:
        """The results' `field`, in numpy; called on a head that has not been built.

        Args:
            outputs: dict of output name to its rows [D, ...] for an image's detections.
            found: the image's detections.

        Returns:
            One value or array for each of the N instances.
        """
        raise NotImplementedError(f"{type(self).__name__} has no decode().")

    @staticmethod
    def loss(
        name: str,
        function: Callable[..., Tensor],
        inputs: Sequence[Tensor],
        config: Config | None = None,
    ) -> Tensor:
        """Wrap a loss in a layer, by whose name the model finds it.

        Args:
            name: one of `loss_names`.
            function: takes the inputs as arguments and returns a scalar, see `losses.mean_of`.
            inputs: list of tensors.
            config: if given, the function's first argument.

        Returns:
            Float32 scalar.
        """
        return LossLayer(function, config, name=name)(inputs)


class Features:
    """What the heads see of the images.

    Args:
        levels: [P2, P3, P4, P5], tensors [B, H / stride, W / stride, C]; or one map.
        image_meta: tensor [B, 12 + classes].
        pooler: the ROI_POOLER class.
        body: layers that the box and mask heads share, see `neck.Neck`.

    Attributes:
        is_shared: whether there is a body.
    """

    def __init__(
        self,
        levels: Sequence[Tensor],
        image_meta: Tensor,
        pooler: type[keras.layers.Layer],
        body: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.levels: list[Tensor] = list(levels)
        self.image_meta: Tensor = image_meta
        self.is_shared: bool = body is not None
        self._pooler = pooler
        self._body: Any = body
        self._pool: Any = None
        self._made: dict[int, tuple[Tensor, Tensor]] = {}

    def pooler(self, size: int, name: str) -> Callable[[Tensor], Tensor]:
        """Create a pooler for one head.

        Args:
            size: side of the crops, in cells.
            name: the layer's name.

        Returns:
            Function from RoIs [B, R, 4], normalised, to features [B, R, size, size, C].
        """
        layer = self._pooler((size, size), name=name)
        return lambda rois: layer([rois, self.image_meta, *self.levels])

    def shared(self, size: int) -> Callable[[Tensor], Tensor]:
        """Return the pooler of the heads that share the body; the first call creates it.

        Args:
            size: side of the crops, in cells.

        Returns:
            Function from RoIs [B, R, 4], normalised, to what the body makes of their features,
            [B, R, h, w, C]. For the same RoIs, all heads get the same tensor.
        """
        self._pool = self._pool or self.pooler(size, name="roi_align_classifier")
        return self._shared_of

    def _shared_of(self, rois: Tensor) -> Tensor:
        if id(rois) not in self._made:
            # The RoIs are kept, too, so that no other tensor gets their id.
            self._made[id(rois)] = rois, self._body(self._pool(rois))
        return self._made[id(rois)][1]


@dataclasses.dataclass(frozen=True)
class Matched:
    """The training RoIs, each with its instance; see `sampling.RoiSampler`.

    Attributes:
        rois: float tensor [B, T, 4], normalised: positives, then negatives, then zeros.
        class_ids: int32 tensor [B, T], 0 for negatives and padding.
        instances: int32 tensor [B, T], index of each positive's instance in the ground truth.
        positives: P; only the first P RoIs can be positive.
        truth: dict of tensors [B, G, ...] or [B, ..., G]: `boxes` [B, G, 4], normalised,
            `class_ids` [B, G], and what the heads' `inputs` declare.
        active_class_ids: tensor [B, classes], 1 for the classes of the image's source.
        image_shape: tensor [B, 3], (height, width, channels) of the network's input in pixels.
        axes: dict of a name in `truth` to the axis of its instances, not counting the batch axis;
            0 for missing names.
    """

    rois: Tensor
    class_ids: Tensor
    instances: Tensor
    positives: int
    truth: dict[str, Tensor]
    active_class_ids: Tensor
    image_shape: Tensor = None
    axes: dict[str, int] = dataclasses.field(default_factory=dict)

    def of(self, name: str) -> Tensor:
        """The ground truth `name` of each RoI's instance, a float32 tensor [B, T, ...]."""
        return OfInstances(self.axes.get(name, 0))([self.truth[name], self.instances])


@keras.saving.register_keras_serializable(package="mrcnn")
class OfInstances(keras.layers.Layer):
    """Looks up the ground truth of each RoI's instance.

    Args:
        axis: the instances' axis in one image's ground truth.

    Call arguments:
        inputs: [truth [B, G, ...], or with another `axis`, such as [B, ..., G]; instances int32
            [B, T]].

    Returns:
        Float32 tensor [B, T, ...].

    Example:
        >>> from mrcnn.network.heads.head import OfInstances
        >>> areas, instances = np.array([[30, 50, 20]]), np.array([[1, 1, 0]])
        >>> np.array(OfInstances()([areas, instances]))
        array([[50., 50., 30.]], dtype=float32)
    """

    def __init__(self, axis: int = 0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "axis": self.axis}

    def call(self, inputs: Any) -> Tensor:
        """See the class."""
        truth, instances = inputs
        truth = ops.moveaxis(ops.cast(truth, "float32"), self.axis + 1, 1)
        return gather_rows(truth, instances)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """[B, T, ...], float32."""
        truth, instances = inputs
        rest = [side for axis, side in enumerate(truth.shape[1:]) if axis != self.axis]
        return keras.KerasTensor((*instances.shape, *rest), "float32")
