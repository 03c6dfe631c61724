"""`MaskRCNN`, the object that users hold: each method is a sentence that calls a room."""

import logging

from . import weights
from .config_rules import parts
from .inference import introspection, molding
from .inference.detector import detector_of
from .network import graph
from .runs import folder
from .runs.folder import RunFolder
from .text import log
from .training import distribution, optimization, trainable, trainer
from .weights.published import imagenet_weights

logger = logging.getLogger(__name__)

MODES = ("training", "inference")


class MaskRCNN:
    """A Mask R-CNN to train or to detect with.

    Args:
        mode: "training" or "inference".
        config: a `Config`; it is validated.
        model_dir: folder of logs and checkpoints; created when training begins.

    Attributes:
        keras_model: the `keras.Model`.
        distribution: the devices to train on, see `distribution.choose`.
        run_folder: `RunFolder`, with `log_dir`, `checkpoint_path` and `epoch`.
        anchors: [A, 4] float64 in pixels, those that `get_anchors` gave last.

    Raises:
        ValueError: unknown mode, a configuration that cannot work, or with HOST_COUNT above 1 an
            environment that does not describe the hosts.
        TypeError: `config` is a class and no instance.
        RuntimeError: with HOST_COUNT above 1, TensorFlow has computed before.
    """

    def __init__(self, mode, config, model_dir):
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}: it is {' or '.join(map(repr, MODES))}.")
        if isinstance(config, type):
            raise TypeError(f"config is the class {config.__name__}: give an instance of it.")
        config.validate()
        self.mode = mode
        self.config = config
        self.model_dir = model_dir
        self.anchors = None
        self._anchors_by_shape = {}
        # It comes first: a subclass may have a set_log_dir of its own that sets log_dir alone.
        self.run_folder = RunFolder.new(model_dir, config.NAME)
        self.set_log_dir()
        one = distribution.OneDevice()
        self.distribution = distribution.choose(config) if mode == "training" else one
        with self.distribution.scope():
            self.keras_model = self.build(mode, config)

    def build(self, mode, config):
        """The Keras graph of a mode; see `network`.

        Args:
            mode: "training" or "inference".
            config: a `Config`.

        Returns:
            `keras.Model`.
        """
        model = graph.build(mode, config, seed=config.SEED)
        model.jit_compile = optimization.jit_compile(config)
        return model

    # Weights

    def load_weights(self, filepath, by_name=False, exclude=None):
        """Read weights; a checkpoint of a run of this NAME, read whole, continues that run.

        Layers are matched by name in any case, because their order differs between the modes.

        Args:
            filepath: a legacy Keras `.h5`, such as `mask_rcnn_coco.h5` or one written here, or
                another format of `weights.readers`.
            by_name: False demands that the file has every layer of the model.
            exclude: names of layers that keep their values; implies `by_name`.

        Returns:
            `LoadReport` of loaded, excluded, missing, left over and mismatched layers.

        Raises:
            FileNotFoundError, ValueError: see `weights.load`.
        """
        report = weights.load(
            self.keras_model, filepath, exclude=exclude, complete=not by_name and not exclude
        )
        # Weights of another run, or some of its layers, are where a new run begins.
        is_own = not exclude and folder.parse(filepath, self.config.NAME)
        self.set_log_dir(filepath if is_own else None)
        if self.epoch:
            logger.info("continuing in %s after epoch %d", self.log_dir, self.epoch)
        return report

    def get_imagenet_weights(self):
        """Path of ImageNet weights for the backbone, downloaded if need be.

        They are of ResNet-50; a ResNet-101 takes what it shares. The file expects BGR pixels:
        `load_weights` reverses the input channels of `conv1`, as images here are RGB.
        """
        return imagenet_weights()

    def find_last(self):
        """Path of the last checkpoint of the last run of this NAME.

        Raises:
            FileNotFoundError: there is none.
        """
        return folder.find_last(self.model_dir, self.config.NAME)

    def set_log_dir(self, model_path=None):
        """Set `log_dir`, `checkpoint_path` and `epoch`.

        Args:
            model_path: a checkpoint: its run is continued after its epoch. Otherwise a new run
                begins.
        """
        own = self.model_dir, self.config.NAME
        parsed = model_path and RunFolder.of_checkpoint(model_path, *own)
        self.run_folder = parsed or RunFolder.new(*own)

    @property
    def log_dir(self):
        """Folder of this run."""
        return self.run_folder.path

    @log_dir.setter
    def log_dir(self, path):
        self.run_folder.path = path

    @property
    def checkpoint_path(self):
        """Template of the weight files of this run, in which `{epoch:04d}` is the epoch."""
        return self.run_folder.checkpoint_path

    @checkpoint_path.setter
    def checkpoint_path(self, path):
        self.run_folder.checkpoint_path = path

    @property
    def epoch(self):
        """Epochs trained so far."""
        return self.run_folder.epoch

    @epoch.setter
    def epoch(self, epoch):
        self.run_folder.epoch = epoch

    # Training

    def train(
        self,
        train_dataset,
        val_dataset,
        learning_rate,
        epochs,
        layers,
        augmentation=None,
        custom_callbacks=None,
        no_augmentation_sources=None,
        resume=False,
        verbose=1,
    ):
        """Train, with checkpoints, the state of the run and its records in `log_dir`.

        Several threads (LOADER_WORKERS), or processes (LOADER_PROCESSES), ask the data sets for
        images and instances. Ctrl-C and SIGTERM stop after the current batch, when all is saved.

        Args:
            train_dataset, val_dataset: prepared `Dataset`s; `val_dataset` may be None.
            learning_rate: at the beginning; LR_SCHEDULE may change it. A list for stages.
            epochs: number of the last epoch, counted from the beginning of the run: after
                `load_weights(find_last())` training goes on from there. A list for stages.
            layers: "heads", "3+", "4+", "5+", "all", or a regular expression of layer names; or a
                list of them, for stages that follow each other, each with an optimizer of its own.
            augmentation: an imgaug augmenter, Keras layers or a callable, see `mrcnn.augment`.
            custom_callbacks: list of Keras callbacks. Of several hosts (HOST_COUNT) the first alone
                has them; a learning rate that they set, and `stop_training`, reach all.
            no_augmentation_sources: sources whose images are not augmented.
            resume: True goes on with the run of this model's `log_dir`, or else with the last run
                of this NAME in `model_dir`, from the batch where its state was saved, as if it had
                never stopped: weights, optimizer, random state, best value and history are those of
                the run. If there is none a new run begins, so that one command starts a training
                and starts it again.
            verbose: 0 shows no progress; all is recorded in `log_dir` in any case.

        Raises:
            ValueError: the model is not in training mode, `layers` matches no layer, the lists of
                stages disagree, a data set and the configuration disagree, USE_RPN_ROIS is False,
                or the run to resume was begun with other settings.
            FloatingPointError: a loss became NaN; the message names the images.
            KeyboardInterrupt, SystemExit: after Ctrl-C or SIGTERM.
            OSError: the log folder cannot be written.
            RuntimeError: another host, of several that train together, has ended.
        """
        self._require("training", "train()")
        self.config.validate()
        trainer.train(
            self,
            train_dataset,
            val_dataset,
            learning_rate,
            epochs,
            layers,
            augmentation,
            custom_callbacks,
            no_augmentation_sources,
            resume,
            verbose,
        )

    def compile(self, learning_rate, momentum, epochs=None, first_epoch=None):
        """The configured optimizer, with clipped gradients, on the weighted losses.

        Args:
            learning_rate: at the beginning.
            momentum: of SGD; beta_1 of Adam and AdamW.
            epochs: number of the last epoch, for LR_SCHEDULE "cosine".
            first_epoch: epochs that are done before the optimizer's first batch; None: `epoch`.
        """
        first_epoch = self.epoch if first_epoch is None else first_epoch
        optimization.compile_model(
            self.keras_model,
            self.config,
            learning_rate,
            momentum,
            epochs,
            first_epoch,
            self.distribution,
        )

    def set_trainable(self, layer_regex, keras_model=None, indent=0, verbose=1):
        """Let the layers train whose whole name matches, freeze all others.

        Args:
            layer_regex: regular expression of layer names.
            keras_model: the model, this one's by default.
            indent: spaces before each name that is printed.
            verbose: 0 prints nothing.

        Raises:
            ValueError: no layer with weights matches.
        """
        chosen = trainable.set_trainable(keras_model or self.keras_model, layer_regex)
        if not chosen:
            raise ValueError(
                f"layers is {layer_regex!r}: no layer has such a name. It is one of "
                f"{', '.join(trainable.layer_regexes(self.config))}, or a regular expression of "
                "layer names."
            )
        if verbose:
            log(f"{' ' * indent}Training {len(chosen)} layers, {chosen[0]} to {chosen[-1]}")

    # Detection

    def detect(self, images, verbose=0):
        """Find the instances in images.

        Args:
            images: list of RGB images [H, W, 3] of 0..255, of any sizes and any number; grayscale
                is repeated, an alpha channel dropped. They run in batches of BATCH_SIZE.
            verbose: 1 prints the arrays on the way.

        Returns:
            list of dicts, one an image: `rois` int32 [N, 4] pixels, `class_ids` int32 [N],
            `scores` float32 [N], best first, and what the other heads fill: `masks` bool
            [H, W, N] of the mask head.

        Raises:
            ValueError, TypeError: no images, wrong dtype, rank or channels, NaN; the message says
                which image and what would be accepted.
        """
        self._require("inference", "detect()")
        return detector_of(self).detect(images, verbose=verbose)

    def detect_molded(self, molded_images, image_metas, verbose=0):
        """Find the instances in images that `mold_inputs` or the data generator made.

        Args:
            molded_images: float array [N, H, W, C], the mean subtracted.
            image_metas: [N, 12 + NUM_CLASSES].
            verbose: 1 prints the arrays on the way.

        Returns:
            As `detect`, in pixels of the molded images.
        """
        self._require("inference", "detect_molded()")
        return detector_of(self).detect_molded(molded_images, image_metas, verbose)

    def mold_inputs(self, images):
        """Images as the network takes them.

        Args:
            images: list of images [H, W, C], see `detect`.

        Returns:
            molded_images: float32 [N, h, w, C].
            image_metas: float64 [N, 12 + NUM_CLASSES]; image id 0, no active classes.
            windows: int [N, 4] pixels, the part of each molded image that is no padding.

        Raises:
            ValueError: the molded images differ in size, which IMAGE_RESIZE_MODE allows.
        """
        return molding.mold_inputs(images, self.config)

    def unmold_detections(self, detections, mrcnn_mask, original_image_shape, image_shape, window):
        """Detections of one image from the network's coordinates to the image's.

        Args:
            detections: [D, 6] of (y1, x1, y2, x2, class id, score), normalised; ends at the first
                class 0.
            mrcnn_mask: [D, h, w, NUM_CLASSES].
            original_image_shape: (H, W, C) of the image.
            image_shape: (h, w, C) of the molded image.
            window: (y1, x1, y2, x2) pixels of the molded image that are no padding.

        Returns:
            boxes int32 [N, 4] pixels, class_ids int32 [N], scores float32 [N], masks bool
            [H, W, N].
        """
        return molding.unmold_detections(
            detections, mrcnn_mask, original_image_shape, image_shape, window
        )

    def get_anchors(self, image_shape):
        """Anchors of molded images of a shape, cached.

        Args:
            image_shape: (H, W, C).

        Returns:
            float32 [A, 4], normalised. `anchors` has them in pixels.
        """
        key = tuple(image_shape)
        if key not in self._anchors_by_shape:
            self._anchors_by_shape[key] = molding.anchors(self.config, image_shape)
        self.anchors, normalised = self._anchors_by_shape[key]
        return normalised

    @property
    def fields(self):
        """Names of the instance fields that the heads fill, such as ("boxes", "masks")."""
        return parts.filled_fields(self.config)

    # Looking inside

    def ancestor(self, tensor, name, checked=None):
        """A tensor that another one is computed from, by the name of its layer.

        Args:
            tensor: symbolic tensor of `keras_model`.
            name: layer name, or "layer/step:0" for a step inside the proposal layer, such as
                "ROI/refined_anchors:0".
            checked: not used.

        Returns:
            The symbolic tensor, of any shape, or None if there is none.
        """
        return introspection.ancestor(tensor, name)

    def find_trainable_layer(self, layer):
        """The layer that has the weights: the one inside a wrapper, or the layer itself."""
        return introspection.unwrap(layer)

    def get_trainable_layers(self):
        """The layers with weights, those of nested models included."""
        return introspection.layers_with_weights(self.keras_model)

    def run_graph(self, images, outputs, image_metas=None):
        """Compute tensors of the graph for images, to look at them.

        Args:
            images: list of images as for `detect`, or molded ones if `image_metas` is given.
            outputs: list of (name, symbolic tensor) pairs.
            image_metas: [N, 12 + NUM_CLASSES].

        Returns:
            OrderedDict of name to numpy array; entries whose tensor is None raise ValueError.
        """
        self._require("inference", "run_graph()")
        return introspection.run_graph(self, images, outputs, image_metas)

    def _require(self, mode, call):
        if self.mode != mode:
            raise ValueError(
                f"{call} needs a model in {mode} mode, this one is in {self.mode} mode: make "
                f"another with MaskRCNN({mode!r}, config, model_dir) and load the weights there."
            )
