"""`MaskRCNN`, the class that users work with; its methods delegate to the subpackages."""

import dataclasses
import functools
import logging
from collections import OrderedDict
from collections.abc import Collection, Generator, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import keras

from . import weights
from .anchors.recent import Recent
from .config import Config
from .config_rules import parts
from .datasets import Dataset
from .inference import introspection, molding, stream
from .inference.detector import detector_of
from .legacy.paths import CheckpointTemplate, LastCheckpoint
from .network import graph
from .network.backbones import ResNet, of_config
from .network.process import check_process
from .ops import in_graph, outside_graphs
from .presets import comparing, pretrained
from .runs import folder, model_config, settings
from .runs.folder import RunFolder
from .text import log
from .training import distribution, optimization, trainable, trainer
from .training.distribution import OneDevice
from .types import Array, Detections, PathLike, Tensor
from .weights.card import Card, DamagedCard, read_card
from .weights.catalogue import find
from .weights.published import imagenet_weights
from .weights.readers import is_foreign
from .weights.report import LoadReport

logger = logging.getLogger(__name__)

MODES = ("training", "inference")

# Attributes that each process makes for itself.
_NOT_COPIED = ("distribution", "_anchors_by_shape")


class MaskRCNN:
    """A Mask R-CNN model, either for training or for inference.

    The two modes have different graphs. To detect with what you have trained, `load` the weights
    file: it holds the configuration. Or create a second model in "inference" mode and load the
    weights into it.

    Args:
        mode: "training" or "inference".
        config: a `Config` instance, which is validated.
        model_dir: folder for logs and checkpoints, created when training starts.

    Attributes:
        keras_model: the `keras.Model`.
        distribution: the devices to train on, see `distribution.choose`.
        run_folder: `RunFolder` of the current run, which holds `log_dir`, `checkpoint_path` and
            `epoch`.
        anchors: [A, 4] float64 in pixels, from the last call to `get_anchors`.

    Raises:
        ValueError: `mode` is unknown, `config` is invalid, or HOST_COUNT is above 1 and the
            environment does not describe the hosts.
        TypeError: `config` is a class, not an instance.
        RuntimeError: HOST_COUNT is above 1 and TensorFlow has already computed something.

    Example:
        >>> model = MaskRCNN.load("logs/cells20261120T1405/weights/best.h5")  # doctest: +SKIP
        >>> model.detect([image])[0]["scores"]  # doctest: +SKIP
        array([0.99, 0.98, 0.91], dtype=float32)
    """

    def __init__(
        self, mode: Literal["training", "inference"], config: Config, model_dir: PathLike
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}: it must be {' or '.join(map(repr, MODES))}.")
        if isinstance(config, type):
            raise TypeError(f"config is the class {config.__name__}: pass an instance of it.")
        self._validate(config)
        self.mode = mode
        self.config = config
        self.model_dir = model_dir
        self.set_log_dir()
        with self.distribution.scope():
            self.keras_model = self.build(mode, config)

    @classmethod
    def load(
        cls,
        path: PathLike,
        mode: Literal["training", "inference"] = "inference",
        model_dir: PathLike = "logs",
        *,
        config: Config | type[Config] | None = None,
        **changes: Any,
    ) -> Self:
        """Make a model from a weights file, which holds its configuration.

        Args:
            path: a file that training wrote with version 3.1 or later, the name of a model that
                comes with the package, such as "nuclei", or what `from_pretrained` takes.
            mode: "training" or "inference". For inference, the configuration gets one image at a
                time, and a DETECTION_MIN_CONFIDENCE that the file recommends.
            model_dir: folder for logs and checkpoints.
            config: the configuration to use instead of the file's; an instance or a class. Needed
                for a file without one, and for settings that are functions or objects of your own,
                such as a BACKBONE function, which files cannot hold.
            changes: settings that replace those of the configuration.

        Returns:
            The model, with the weights loaded. Its `card` is the file's.

        Raises:
            FileNotFoundError: there is no such file or name.
            ValueError: the file has no configuration, a setting is unknown, the configuration is
                invalid, or the weights do not fit it.

        Example:
            >>> model = MaskRCNN.load("nuclei", DETECTION_MIN_CONFIDENCE=0.5)  # doctest: +SKIP
            >>> model.detect([image])[0]["class_ids"]  # doctest: +SKIP
            array([1, 1, 1], dtype=int32)
        """
        if config is None and is_foreign(path):
            return cls.from_pretrained(path, mode, model_dir, **changes)
        found = find(path)
        card = _card_of(found) if config is not None else read_card(found)
        model = cls(mode, model_config.config_for(found, card, mode, config, changes), model_dir)
        model.load_weights(found)
        if config is None and card.config is not None:
            model.card = card
        return model

    @classmethod
    def from_pretrained(
        cls,
        path: PathLike,
        mode: Literal["training", "inference"] = "inference",
        model_dir: PathLike = "logs",
        **changes: Any,
    ) -> Self:
        """Make a model from weights of torchvision or Detectron2, with the configuration they need.

        Args:
            path: a file of torchvision (.pth or .pt) or Detectron2 (.pkl or .pth), or one with the
                same tensors (.safetensors or .npz); the name of published weights, such as
                "torchvision:maskrcnn_resnet50_fpn_v2", see `weights.zoo`, which are downloaded; or
                what `load` takes.
            mode: "training" or "inference".
            model_dir: folder for logs and checkpoints.
            changes: settings that replace those of the model's preset (see `mrcnn.presets`), such
                as IMAGE_MIN_DIM and IMAGE_MAX_DIM, the short and the long side. With other
                NUM_CLASSES, the layers that depend on them keep their random values.
                BATCH_NORM_EPSILON must be 0 for a file with torchvision's published COCO weights
                of version 1; their names imply it.

        Returns:
            The model, with the weights loaded. It has `class_names` if the classes are COCO's.

        Raises:
            FileNotFoundError: there is no such file or name.
            ConnectionError: the download failed; the message says which file to put where.
            ValueError: the file is damaged, unsafe or of an unknown kind, it lacks tensors or has
                others, a setting is unknown, or the configuration is invalid.

        Example:
            >>> model = MaskRCNN.from_pretrained("maskrcnn_resnet50_fpn_v2.pth")  # doctest: +SKIP
            >>> model.class_names[:3]  # doctest: +SKIP
            ['BG', 'person', 'bicycle']
        """
        start = pretrained.start_of(path)
        if start.source is None:
            return cls.load(start.path, mode, model_dir, **changes)
        model = cls(mode, start.config(mode, changes), model_dir)
        outside_graphs(weights.load)(model.keras_model, start.source, complete=start.is_complete)
        model.card = start.card(model.config)
        return model

    @property
    def card(self) -> Card:
        """What the model's weights file says about it, or what a file saved now would say."""
        return getattr(self.keras_model, "card", None) or Card()

    @card.setter
    def card(self, card: Card) -> None:
        self.keras_model.card = card

    @property
    def class_names(self) -> list[str] | None:
        """Name of each class, the background first; None if the weights file did not say."""
        return self.card.class_names

    @class_names.setter
    def class_names(self, names: Sequence[str]) -> None:
        self.card = dataclasses.replace(self.card, class_names=[str(name) for name in names])

    # What follows is made when needed: a subclass may override `__init__` without calling the
    # original, and `set_log_dir` with one that sets only `log_dir`.

    anchors: Array | None = None

    @functools.cached_property
    def distribution(self) -> OneDevice:
        """The devices to train on, see `distribution.choose`; a single one for inference."""
        return _devices(self.mode, self.config)

    @functools.cached_property
    def run_folder(self) -> RunFolder:
        """The current run's folder; by default, one for a run that starts now."""
        return RunFolder.new(self.model_dir, self._run_name)

    @functools.cached_property
    def _anchors_by_shape(self) -> Recent[tuple[Array, Array]]:
        return Recent(functools.partial(molding.anchors, self.config))

    @outside_graphs
    def build(self, mode: Literal["training", "inference"], config: Config) -> keras.Model:
        """Build the Keras model for a mode, see `network.graph`.

        Args:
            mode: "training" or "inference".
            config: a `Config`.

        Returns:
            `keras.Model`.
        """
        if "distribution" not in vars(self):
            # Not from self.mode and self.config: a subclass may set them later.
            self.distribution = _devices(mode, config)
        with self.distribution.scope():
            model = graph.build(mode, config, seed=config.SEED)
        model.jit_compile = optimization.jit_compile(config)
        model.card = Card(config=settings.stored(config))
        return model

    # Weights

    def load_weights(
        self,
        filepath: PathLike,
        by_name: bool = False,
        exclude: Sequence[str] | None = None,
    ) -> LoadReport:
        """Load weights into the layers of the same name.

        A checkpoint of a run with the configuration's NAME, loaded without `exclude`, continues
        that run: `log_dir` and `epoch` become the run's. Any other weights start a new run.

        Args:
            filepath: path of a legacy Keras `.h5` file, such as `mask_rcnn_coco.h5` or a run's
                checkpoint, or of a file in another format of `weights.readers`; or the name of a
                model that comes with the package, such as "nuclei".
            by_name: False requires the file to contain every layer of the model. Layers are always
                matched by name, because their order differs between the modes.
            exclude: names of layers that keep their values; implies `by_name`.

        Returns:
            `LoadReport` of the loaded, excluded, missing, left-over and mismatched layers.

        Raises:
            FileNotFoundError, ValueError: see `weights.load`.
            RuntimeError: this process was forked from the one that made the model.
        """
        check_process(self.keras_model)
        report = outside_graphs(weights.load)(
            self.keras_model, filepath, exclude=exclude, complete=not by_name and not exclude
        )
        # Training has its own classes, whatever the weights that it starts from were trained on.
        if self.mode == "inference" and not exclude and not report.missing:
            self.card = dataclasses.replace(_card_of(filepath), config=self.card.config)
        if report.kind and (difference := comparing.differences(self.config, report.kind)):
            logger.warning("%s", difference)
        # Weights from another run, or only some of the layers, start a new run.
        is_own = not exclude and folder.parse(filepath, self.config.NAME)
        self.set_log_dir(filepath if is_own else None)
        if self.epoch:
            logger.info("continuing in %s after epoch %d", self.log_dir, self.epoch)
        return report

    def export_weights(
        self, path: PathLike, project: Literal["torchvision"] = "torchvision"
    ) -> None:
        """Write the weights as a state dict of another project, under its names.

        A model of a `presets.torchvision_*` detects there as it does here, if the rest is as in the
        preset. Give torchvision's function the same number of classes: `num_classes=91`.

        Args:
            path: file to write: .pth or .pt, for `torch.load`; .safetensors; or .npz.
            project: "torchvision".

        Raises:
            ValueError: the project is unknown, the file has another ending, or the network has
                layers that torchvision's has not.
            OSError: the file cannot be written.

        Example:
            >>> model.export_weights("cells.pth", "torchvision")  # doctest: +SKIP
        """
        if project != "torchvision":
            raise ValueError(f"project is {project!r}: it must be 'torchvision'.")
        pretrained.export(self.keras_model, self.config, path)

    def export(
        self,
        path: PathLike,
        format: Literal["savedmodel", "onnx", "openvino", "litert"] = "onnx",
    ) -> Path:
        """Write the model in a format of another runtime; `mrcnn.runtime` detects with it.

        The graph has one input, `image` float32 [B, H, W, C]: RGB in 0..255, as resized and padded
        by `mold_inputs`, but not normalised. H and W are those of IMAGE_SHAPE, or open with
        IMAGE_RESIZE_MODE "pad64", "short_side" or "none"; B is open, with "litert" 1. Pixels of
        -1e9 are padding.

        Its outputs have D rows; the first `count` are detections, the others zero: `boxes` float32
        [B, D, 4] in pixels of the input, not rounded, (y1, x1, y2, x2); `class_ids` int32 [B, D];
        `scores` float32 [B, D]; `count` int32 [B]; `masks` float32 [B, D, h, w] in 0..1, of the
        boxes, to be resized to them; `keypoint_maps` [B, D, h, w, K] with a keypoint head; the
        outputs of custom heads; and `proposals`, `proposal_scores` and `proposal_deltas`, see
        `network.exported`.

        A .json file beside it, or in the folder of a SavedModel, has the settings, the classes and
        the versions.

        Args:
            path: where to write; the format's suffix is added if it is missing: .onnx, .xml (with a
                .bin beside it) for OpenVINO, .tflite for LiteRT, a folder for a SavedModel.
            format: "savedmodel", "onnx", "openvino" or "litert".

        Returns:
            Path that was written.

        Raises:
            ValueError: the model is not in inference mode, the format is unknown, or the path has
                the suffix of something else, or the backend is not TensorFlow.
            ImportError: a converter is not installed; the message has the command that installs it.
            OSError: the files cannot be written. Those that were there are then kept.

        Example:
            >>> model = MaskRCNN.load("nuclei")  # doctest: +SKIP
            >>> model.export("nuclei.onnx")  # doctest: +SKIP
            PosixPath('nuclei.onnx')
        """
        from .export import export  # imports converters

        self._require("inference", "export()")
        return export(self.keras_model, self.config, self.card, path, format)

    def get_imagenet_weights(self) -> str:
        """Path of ImageNet weights for the backbone, downloaded if necessary.

        `weights.published.imagenet_weights` says which backbones have them, and their source. A
        BACKBONE function gets those of ResNet-50. Most expect BGR pixels, but images here are
        RGB: `load_weights` reverses the input channels of the first convolution.

        Raises:
            ValueError: Keras has no such weights for the backbone.
            ConnectionError: the download failed; the message explains how to do it by hand.
        """
        backbone = of_config(self.config)
        path = imagenet_weights(backbone.imagenet)
        if isinstance(backbone, ResNet) and backbone.form_of(self.config).stride_in == "3x3":
            logger.warning(
                "the BACKBONE has its stride in the 3x3 convolution (RESNET_STRIDE_IN), but "
                "Keras's ImageNet weights were trained with it in the 1x1: a longer training run "
                "makes up for that."
            )
        return path

    def find_last(self) -> str:
        """Path of the last checkpoint of the latest run with the configuration's NAME.

        Raises:
            FileNotFoundError: there is no such checkpoint.
        """
        return LastCheckpoint(folder.find_last(self.model_dir, self._run_name))

    def set_log_dir(self, model_path: PathLike | None = None) -> None:
        """Set `log_dir`, `checkpoint_path` and `epoch`.

        Args:
            model_path: path of a checkpoint, whose run continues after its epoch. None, or the
                path of any other file, starts a new run.
        """
        own = self.model_dir, self._run_name
        parsed = model_path and RunFolder.of_checkpoint(model_path, *own)
        self.run_folder = parsed or RunFolder.new(*own)

    @property
    def log_dir(self) -> str:
        """The run's folder, for logs and checkpoints."""
        return self.run_folder.path

    @log_dir.setter
    def log_dir(self, path: str) -> None:
        self.run_folder.path = path

    @property
    def checkpoint_path(self) -> str:
        """Path template of the run's checkpoints, with `{epoch:04d}` for the epoch."""
        return CheckpointTemplate(self.run_folder.checkpoint_path)

    @checkpoint_path.setter
    def checkpoint_path(self, path: str) -> None:
        self.run_folder.checkpoint_path = path

    @property
    def epoch(self) -> int:
        """Number of epochs trained so far."""
        return self.run_folder.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self.run_folder.epoch = epoch

    # Training

    def train(
        self,
        train_dataset: Dataset,
        val_dataset: Dataset | None,
        learning_rate: float | Sequence[float],
        epochs: int | Sequence[int],
        layers: str | Sequence[str],
        augmentation: Any = None,
        custom_callbacks: Sequence[keras.callbacks.Callback] | None = None,
        no_augmentation_sources: Collection[str] | None = None,
        resume: bool = False,
        verbose: int = 1,
    ) -> None:
        """Train the model, saving checkpoints, the run's state and its records in `log_dir`.

        Several threads (LOADER_WORKERS) or processes (LOADER_PROCESSES) read images and instances
        from the datasets. Ctrl-C and SIGTERM end training after the current batch, once everything
        is saved.

        To train in stages, pass `layers` and `epochs` as lists with one entry per stage. Each stage
        has its own optimizer. To train RPN and heads in turn (Faster R-CNN, section 3.2), see
        `mrcnn.training.alternating`.

        Args:
            train_dataset, val_dataset: prepared `Dataset`s; `val_dataset` may be None.
            learning_rate: initial learning rate, which LR_SCHEDULE may change; a list for one per
                stage.
            epochs: number of the last epoch, counted from the start of the run. After
                `load_weights(find_last())`, training continues from that checkpoint's epoch.
            layers: the layers to train: "heads", "3+", "4+", "5+", "all", or a regular expression
                for layer names.
            augmentation: an imgaug augmenter, Keras layers or a callable, see `mrcnn.augment`.
            custom_callbacks: list of Keras callbacks. With several hosts (HOST_COUNT), only the
                first host runs them; a learning rate that they set, and `stop_training`, reach all
                hosts.
            no_augmentation_sources: sources whose images are not augmented.
            resume: whether to resume the run in this model's `log_dir`, or else the last run with
                this NAME in `model_dir`. It continues from the batch where its state was saved, as
                if it had never stopped: with the run's weights, optimizer, random state, best value
                and history. If there is no such run, a new one starts, so the same command starts
                and resumes a training run.
            verbose: 0 hides the progress output; `log_dir` has the full record regardless.

        Raises:
            ValueError: the model is not in training mode, `layers` matches no layer, the lists for
                the stages do not fit together, a dataset does not fit the configuration,
                USE_RPN_ROIS is False, or the run to resume was started with different settings.
            FloatingPointError: a loss became NaN; the message names the images.
            KeyboardInterrupt, SystemExit: after Ctrl-C or SIGTERM.
            OSError: the log folder cannot be written.
            RuntimeError: another host of the training run has ended; or a `tf.Graph` is the
                default.

        Example:
            >>> model.load_weights("coco.h5", exclude=["mrcnn_mask"])  # doctest: +SKIP
            >>> model.train(train, val, 0.001, epochs=20, layers="heads")  # doctest: +SKIP
            >>> model.train(train, val, 0.0001, epochs=40, layers="all")  # doctest: +SKIP
        """
        self._require("training", "train()")
        if in_graph():
            raise RuntimeError(
                "train() was called under `with graph.as_default():` (or in a session): leave out "
                "the graph. TensorFlow 2 needs none."
            )
        self._validate(self.config)
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

    def compile(
        self,
        learning_rate: float,
        momentum: float,
        epochs: int | None = None,
        first_epoch: int | None = None,
    ) -> None:
        """Compile the model with the configured optimizer, gradient clipping and loss weights.

        Args:
            learning_rate: initial learning rate.
            momentum: momentum of SGD, or beta_1 of Adam and AdamW.
            epochs: number of the last epoch, for LR_SCHEDULE "cosine".
            first_epoch: epochs already done before the optimizer's first batch; None: `epoch`.
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

    def set_trainable(
        self,
        layer_regex: str,
        keras_model: keras.Model | None = None,
        indent: int = 0,
        verbose: int = 1,
    ) -> None:
        """Make trainable the layers whose full name matches, and freeze all others.

        Args:
            layer_regex: regular expression for layer names.
            keras_model: the model to change; None: this object's `keras_model`.
            indent: number of spaces before the printed line.
            verbose: 0 prints nothing.

        Raises:
            ValueError: no layer with weights matches.
        """
        freeze_norms = getattr(self.config, "FREEZE_NORMS", False)
        model = keras_model or self.keras_model
        chosen = trainable.set_trainable(model, layer_regex, freeze_norms)
        if not chosen:
            raise ValueError(
                f"layers is {layer_regex!r}, which matches no layer: it must be "
                f"{', '.join(trainable.layer_regexes(self.config))}, or a regular expression for "
                "layer names."
            )
        if verbose:
            log(f"{' ' * indent}Training {len(chosen)} layers, {chosen[0]} to {chosen[-1]}")

    # Detection

    def detect(self, images: Sequence[Array] | Array, verbose: int = 0) -> list[Detections]:
        """Detect the instances in images.

        Args:
            images: list of any number of RGB images [H, W, 3], of any size, with values in 0..255.
                Grayscale is repeated over the channels, and an alpha channel is dropped. The images
                run in batches of BATCH_SIZE.
            verbose: 1 prints the intermediate arrays.

        Returns:
            list of dicts, one per image, each with its detections ordered by score, best first:
            `rois` int32 [N, 4] pixels, `class_ids` int32 [N], `scores` float32 [N], and what the
            other heads fill, such as `masks` bool [H, W, N] from the mask head. `truncated` is the
            name of the setting that cut the detections of the image, such as
            "DETECTION_MAX_INSTANCES", or ""; the first time, this is also logged. With
            BOX_COORDINATES "continuous", `rois` are float32 and not rounded.

        Raises:
            ValueError, TypeError: the list is empty, or an image has NaNs or a wrong dtype, rank or
                number of channels; the message names the image and says what is accepted.

        Example:
            >>> result = model.detect([image])[0]  # doctest: +SKIP
            >>> result["rois"][0], result["class_ids"][0]  # doctest: +SKIP
            (array([ 12,  40, 180, 260], dtype=int32), 1)
        """
        self._require("inference", "detect()")
        return detector_of(self).detect(images, verbose=verbose)

    def detect_stream(
        self, images: Iterable[Array], batch: int | None = None, dense: bool = True
    ) -> Generator[Detections, None, None]:
        """Detect in a sequence of images of any length: a folder, a video, a camera.

        Reading, the network and the conversion of its outputs overlap, and memory does not grow
        with the number of images. The results are those of `detect`.

        Args:
            images: see `detect`; a generator is read as needed, a few batches ahead. Each image
                must be an array of its own.
            batch: number of images per call of the network; 1 is best for a live picture, because
                results come when a batch is full. None is BATCH_SIZE.
            dense: whether masks are arrays [H, W, N], as in `detect`; False makes them
                `InstanceMasks`, which are smaller and quicker to make.

        Returns:
            generator of one result per image, in order. Closing it ends its threads.

        Raises:
            ValueError: `batch` is not a positive integer, or `images` is a single image.
            Exception: what `images` or `detect` raises, in the place of the image's result.

        Example:
            >>> for result in model.detect_stream(camera, batch=1):  # doctest: +SKIP
            ...     print(len(result["scores"]))
        """
        self._require("inference", "detect_stream()")
        return stream.detect_stream(self, images, batch, dense)

    def detect_molded(
        self, molded_images: Array, image_metas: Array, verbose: int = 0
    ) -> list[Detections]:
        """Detect the instances in molded images, from `mold_inputs` or the data generator.

        Args:
            molded_images: float array [N, H, W, C], the mean subtracted.
            image_metas: [N, 12 + NUM_CLASSES].
            verbose: 1 prints the intermediate arrays.

        Returns:
            As `detect`, but in pixels of the molded images.
        """
        self._require("inference", "detect_molded()")
        return detector_of(self).detect_molded(molded_images, image_metas, verbose)

    def mold_inputs(self, images: Sequence[Array] | Array) -> tuple[Array, Array, Array]:
        """Convert images to the network's input.

        Args:
            images: list of images [H, W, C], see `detect`.

        Returns:
            molded_images: float32 [N, h, w, C].
            image_metas: float64 [N, 12 + NUM_CLASSES]; the image id is 0, no class is active.
            windows: int [N, 4] pixels, the part of each molded image that is not padding.

        Raises:
            ValueError: the molded images differ in size, as they may if IMAGE_RESIZE_MODE is
                "none" or "pad64". With "short_side", they are padded to the largest.
        """
        return molding.mold_inputs(images, self.config)

    def unmold_detections(
        self,
        detections: Array,
        mrcnn_mask: Array,
        original_image_shape: Sequence[int] | Array,
        image_shape: Sequence[int] | Array,
        window: Sequence[int] | Array,
    ) -> tuple[Array, Array, Array, Array]:
        """Convert the detections of one image to the image's pixels.

        Args:
            detections: [D, 6] of (y1, x1, y2, x2, class id, score), normalised; the first class 0
                ends them.
            mrcnn_mask: [D, h, w, NUM_CLASSES]; with MASK_CLASS_AGNOSTIC, [D, h, w, 1].
            original_image_shape: (H, W, C) of the image.
            image_shape: (h, w, C) of the molded image.
            window: (y1, x1, y2, x2) pixels, the part of the molded image that is not padding.

        Returns:
            boxes [N, 4] pixels, int32, or float32 with BOX_COORDINATES "continuous"; class_ids
            int32 [N], scores float32 [N], masks bool [H, W, N].
        """
        return molding.unmold_detections(
            detections, mrcnn_mask, original_image_shape, image_shape, window, self.config
        )

    def get_anchors(self, image_shape: Sequence[int] | Array) -> Array:
        """Anchors for molded images of a given shape; those of the last few shapes are kept.

        Args:
            image_shape: (H, W, C).

        Returns:
            float32 [A, 4], normalised. `anchors` holds them in pixels.
        """
        self.anchors, normalised = self._anchors_by_shape(image_shape)
        return normalised

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the instance fields that the heads fill, such as ("boxes", "masks")."""
        return parts.filled_fields(self.config)

    # Inspection

    def ancestor(self, tensor: Tensor, name: str, checked: Any = None) -> Tensor | None:
        """Find a tensor that another is computed from, by the name of its layer.

        Args:
            tensor: symbolic tensor of `keras_model`.
            name: layer name, or "layer/step:0" for a step inside the proposal layer, such as
                "ROI/refined_anchors:0".
            checked: not used; an argument in matterport's Mask_RCNN.

        Returns:
            The symbolic tensor, of any shape, or None if there is no such tensor.
        """
        return introspection.ancestor(tensor, name)

    def find_trainable_layer(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer that holds the weights: the one inside a wrapper, or `layer` itself."""
        return introspection.unwrap(layer)

    def get_trainable_layers(self) -> list[keras.layers.Layer]:
        """The layers with weights, including those of nested models."""
        return introspection.layers_with_weights(self.keras_model)

    def run_graph(
        self,
        images: Sequence[Array] | Array,
        outputs: Sequence[tuple[str, Tensor]],
        image_metas: Array | None = None,
    ) -> OrderedDict[str, Array]:
        """Compute tensors of the graph for given images, to inspect them.

        Args:
            images: list of images as for `detect`, or molded images if `image_metas` is given.
            outputs: list of (name, symbolic tensor) pairs.
            image_metas: [N, 12 + NUM_CLASSES].

        Returns:
            OrderedDict of name to numpy array.

        Raises:
            ValueError: a tensor is None, or the model is not in inference mode.
        """
        self._require("inference", "run_graph()")
        return introspection.run_graph(self, images, outputs, image_metas)

    @property
    def _run_name(self) -> str:
        return self.config.NAME or ""

    def _validate(self, config: Config) -> None:
        # A subclass may add losses, which are known when the model is compiled.
        if type(self) is MaskRCNN:
            config.validate()
        else:
            config.validate(own_losses=True)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process has: all but what is made there when needed."""
        if self.distribution.replicas > 1:
            raise TypeError(
                f"a MaskRCNN for {self.distribution.replicas} devices can be neither pickled nor "
                "copied: send the configuration and the path of the weights."
            )
        return {name: value for name, value in vars(self).items() if name not in _NOT_COPIED}

    def _require(self, mode: str, call: str) -> None:
        check_process(self.keras_model)
        if self.mode != mode:
            raise ValueError(
                f"{call} needs a model in {mode} mode, but this one is in {self.mode} mode: create "
                f"MaskRCNN({mode!r}, config, model_dir) and load the weights into it."
            )


def _card_of(path: PathLike) -> Card:
    """The card of a file, empty if it cannot be read: the weights do not need it."""
    try:
        return read_card(path)
    except DamagedCard as error:
        logger.warning("%s", error)
    except ValueError:
        pass  # another format than HDF5
    return Card()


def _devices(mode, config):
    return distribution.choose(config) if mode == "training" else OneDevice()
