"""The two heads over RoI features (Mask R-CNN, figure 4): class and box, and mask.

Every layer works on all RoIs at once.
"""

import math

from keras import layers, ops

from .poolers.align import PyramidROIAlign


def fpn_classifier_graph(
    rois,
    feature_maps,
    image_meta,
    pool_size,
    num_classes,
    train_bn=True,
    fc_layers_size=1024,
):
    """Class and box deltas of each RoI.

    Args:
        rois: [B, R, 4], normalised.
        feature_maps: [P2, P3, P4, P5], each [B, H / stride, W / stride, C].
        image_meta: [B, 12 + classes].
        pool_size: side of the RoI's feature crop.
        num_classes: with the background.
        train_bn: `training` of the BatchNorm layers.
        fc_layers_size: width of the two fully connected layers.

    Returns:
        logits: [B, R, num_classes].
        probs: the same through softmax.
        bbox: [B, R, num_classes, 4] of (dy, dx, log dh, log dw), over BBOX_STD_DEV.
    """
    x = PyramidROIAlign([pool_size, pool_size], name="roi_align_classifier")(
        [rois, image_meta, *feature_maps]
    )
    # A fully connected layer, written as the convolution whose weights the files hold.
    x = Conv2D(fc_layers_size, (pool_size, pool_size), name="mrcnn_class_conv1")(x)
    x = BatchNorm(name="mrcnn_class_bn1")(x, training=train_bn)
    x = layers.Activation("relu")(x)
    x = Conv2D(fc_layers_size, (1, 1), name="mrcnn_class_conv2")(x)
    x = BatchNorm(name="mrcnn_class_bn2")(x, training=train_bn)
    x = layers.Activation("relu")(x)
    shared = layers.Reshape((-1, fc_layers_size), name="pool_squeeze")(x)  # [B, R, width]

    logits = layers.Dense(num_classes, name="mrcnn_class_logits")(shared)
    probs = layers.Activation("softmax", name="mrcnn_class", dtype="float32")(logits)
    x = layers.Dense(4 * num_classes, name="mrcnn_bbox_fc")(shared)
    bbox = layers.Reshape((-1, num_classes, 4), name="mrcnn_bbox")(x)
    return logits, probs, bbox


def build_fpn_mask_graph(
    rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True, channels=256
):
    """One mask a class for each RoI, each an independent sigmoid (Mask R-CNN, section 3).

    Args:
        rois: [B, R, 4], normalised.
        feature_maps: [P2, P3, P4, P5], each [B, H / stride, W / stride, C].
        image_meta: [B, 12 + classes].
        pool_size: side of the RoI's feature crop; masks have twice that.
        num_classes: with the background.
        train_bn: `training` of the BatchNorm layers.
        channels: of the convolutions.

    Returns:
        [B, R, 2 * pool_size, 2 * pool_size, num_classes], in 0..1.
    """
    return mask_head(pool_size, num_classes, train_bn, channels)(rois, feature_maps, image_meta)


def mask_head(pool_size, num_classes, train_bn=True, channels=256):
    """The layers of the mask head, to be called for one group of RoIs after another.

    Args:
        pool_size, num_classes, train_bn, channels: see `build_fpn_mask_graph`.

    Returns:
        function (rois, feature_maps, image_meta) -> masks, see `build_fpn_mask_graph`.
    """
    align = PyramidROIAlign([pool_size, pool_size], name="roi_align_mask")
    blocks = [
        (
            Conv2D(channels, (3, 3), padding="same", name=f"mrcnn_mask_conv{index}"),
            BatchNorm(name=f"mrcnn_mask_bn{index}"),
            layers.Activation("relu"),
        )
        for index in range(1, 5)
    ]
    deconv = Conv2DTranspose(
        channels, (2, 2), strides=2, activation="relu", name="mrcnn_mask_deconv"
    )
    # In half precision a sigmoid would be exactly 0 or 1 too soon for the loss.
    masks = Conv2D(num_classes, (1, 1), activation="sigmoid", dtype="float32", name="mrcnn_mask")

    def graph(rois, feature_maps, image_meta):
        x = align([rois, image_meta, *feature_maps])
        for convolution, norm, relu in blocks:
            x = relu(norm(convolution(x), training=train_bn))
        return masks(deconv(x))

    return graph


class _OverRois:
    """A convolution over [B, R, h, w, channels]: the RoI axis is folded into the batch."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.input_spec = None

    def build(self, input_shape):
        super().build((None, *input_shape[2:]))
        self.input_spec = None

    def call(self, inputs):
        folded = super().call(ops.reshape(inputs, (-1, *inputs.shape[2:])))
        return ops.reshape(folded, (-1, inputs.shape[1], *folded.shape[1:]))

    def compute_output_shape(self, input_shape):
        # Keras's own build asks with the folded shape.
        if len(input_shape) == 4:
            return super().compute_output_shape(input_shape)
        folded = super().compute_output_shape((None, *input_shape[2:]))
        return (*input_shape[:2], *folded[1:])


# Named as Keras's, because notebooks look for layers by the names of their classes.
class Conv2D(_OverRois, layers.Conv2D):
    """`keras.layers.Conv2D` over [B, R, h, w, channels]."""

    def convolution_op(self, inputs, kernel):
        """If the kernel covers its whole input, the convolution is computed as a matrix product.

        As a convolution, its gradient takes up to 90 times as long on a CPU without AVX-512.
        """
        # Both are (h, w, channels); the kernel of a grouped convolution has fewer channels.
        if self.padding != "valid" or kernel.shape[:3] != inputs.shape[1:]:
            return super().convolution_op(inputs, kernel)
        rows = ops.reshape(inputs, (-1, math.prod(kernel.shape[:3])))  # [B * R, h * w * channels]
        product = ops.matmul(rows, ops.reshape(kernel, (-1, self.filters)))
        return ops.reshape(product, (-1, 1, 1, self.filters))


class Conv2DTranspose(_OverRois, layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` over [B, R, h, w, channels]."""


class BatchNorm(layers.BatchNormalization):
    """BatchNormalization whose mode may be fixed where the graph is built.

    `BatchNorm(name=...)(x, training=train_bn)`: False keeps the statistics frozen in training
    too (detection batches are too small for them), True always uses those of the batch, None
    follows the model. Keras would let the mode in which the model runs override it.

    Call arguments:
        inputs: float tensor [..., channels].
        training: False, True or None, see above.

    Returns:
        Float tensor [..., channels], normalised over the last axis.
    """

    pinned_training = None

    def __call__(self, inputs, training=None, **kwargs):
        if not self.built:
            self.pinned_training = training
        return super().__call__(inputs, training=training, **kwargs)

    def call(self, inputs, training=None):
        """See the class."""
        if self.pinned_training is not None:
            training = self.pinned_training
        return super().call(inputs, training=training)
