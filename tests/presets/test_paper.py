import numpy as np
import pytest
from tiny import InMemory, eager_training, shapes

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.presets import paper
from mrcnn.runs import history


def config_of(recipe, **settings):
    kind = type("Coco", (recipe, Config), {"NAME": "coco", "NUM_CLASSES": 81, **settings})
    config = kind()
    config.validate()
    return config


# Mask R-CNN, section 3.1, and FPN; Faster R-CNN, section 3.
MASK_RCNN = {
    "IMAGE_MIN_DIM": 800,
    "ROI_POSITIVE_RATIO": 0.25,
    "ROI_POOLER": "roi_align",
    "DETECTION_MAX_INSTANCES": 100,
    "LEARNING_MOMENTUM": 0.9,
    "WEIGHT_DECAY": 0.0001,
    "WEIGHT_DECAY_ON": "sum",
    "RPN_ANCHOR_RATIOS": (0.5, 1, 2),
    "LR_SCHEDULE": "step",
    "LR_STEPS": (120,),
    "LR_FACTOR": 0.1,
    "LR_WARMUP_STEPS": 500,
    "NEW_LAYERS_INIT": "gaussian",
}
ALL_SCALES = (32, 64, 128, 256, 512)
EXPECTED = {
    presets.PaperFPN: {
        **MASK_RCNN,
        "NECK": "fpn",
        "TRAIN_ROIS_PER_IMAGE": 512,
        "POST_NMS_ROIS_INFERENCE": 1000,
        "RPN_ANCHOR_SCALES": ALL_SCALES,
        "IMAGES_PER_GPU": 2,
    },
    presets.PaperC4: {
        **MASK_RCNN,
        "NECK": "c4",
        "TRAIN_ROIS_PER_IMAGE": 64,
        "POST_NMS_ROIS_INFERENCE": 300,
        "RPN_ANCHOR_SCALES": (ALL_SCALES,),
        "BACKBONE_STRIDES": [16],
        "MASK_SHAPE": [14, 14],
    },
    presets.PaperResNeXt: {**MASK_RCNN, "BACKBONE": "resnext101_64x4d", "IMAGES_PER_GPU": 1},
    presets.FasterRCNN: {
        "HEADS": ("box",),
        "BACKBONE": "vgg16",
        "BACKBONE_STRIDES": [16],
        "RPN_ANCHOR_SCALES": ((128, 256, 512),),
        "RPN_CHANNELS": 512,
        "RPN_LOSS": "faster_rcnn",
        "RPN_LOSS_LAMBDA": 10,
        "RPN_TRAIN_ANCHORS_PER_IMAGE": 256,
        "POST_NMS_ROIS_TRAINING": 2000,
        "POST_NMS_ROIS_INFERENCE": 300,
        "ROI_POOLER": "roi_pool",
        "IMAGE_MIN_DIM": 600,
        "WEIGHT_DECAY": 0.0005,
        "LR_STEPS": (60,),
    },
}


@pytest.mark.parametrize("recipe", EXPECTED)
def test_what_the_papers_say(recipe):
    config = config_of(recipe)
    assert {name: getattr(config, name) for name in EXPECTED[recipe]} == EXPECTED[recipe]
    assert config.IMAGE_MAX_DIM % 64 == 0
    added = set(config.to_dict()) - set(Config().to_dict())
    assert not added


@pytest.mark.parametrize(
    ("recipe", "devices", "rate", "steps"),
    [
        (presets.PaperFPN, 8, 0.02, 1000),
        (presets.PaperFPN, 1, 0.0025, 8000),
        (presets.PaperC4, 4, 0.01, 2000),
        (presets.PaperResNeXt, 8, 0.01, 1000),
        (presets.PaperResNeXt, 3, 0.00375, 2667),
        (presets.FasterRCNN, 1, 0.001, 1000),
    ],
)
def test_the_rate_follows_the_batch(recipe, devices, rate, steps):
    config = config_of(recipe, GPU_COUNT=devices)
    found = config.LEARNING_RATE, config.STEPS_PER_EPOCH
    assert found == (pytest.approx(rate), steps)
    # All see as many images, and three quarters of them at the full rate.
    papers = recipe._rate_of_paper[1]
    assert steps * config.BATCH_SIZE == pytest.approx(1000 * papers, abs=config.BATCH_SIZE)
    last = paper.FASTER_RCNN_EPOCHS if recipe is presets.FasterRCNN else paper.EPOCHS
    assert list(config.LR_STEPS) == [0.75 * last]


def test_the_rate_can_be_set():
    config = config_of(presets.PaperFPN, IMAGES_PER_GPU=1, GRADIENT_ACCUMULATION=4)
    assert (config.LEARNING_RATE, config.STEPS_PER_EPOCH) == (0.005, 16000)
    config.IMAGES_PER_GPU = 2
    assert (config.LEARNING_RATE, config.STEPS_PER_EPOCH) == (0.01, 8000)
    assert type(config).LEARNING_RATE == 0.005  # that of the class, with one image
    again = type(config).from_dict(config.to_dict())
    config.LEARNING_RATE, config.STEPS_PER_EPOCH = 0.3, 6.5
    config.IMAGES_PER_GPU = 4
    assert (config.LEARNING_RATE, config.STEPS_PER_EPOCH) == (0.3, 7)
    assert (again.LEARNING_RATE, again.STEPS_PER_EPOCH) == (0.01, 8000)
    assert (presets.PaperFPN.LEARNING_RATE, presets.PaperFPN.STEPS_PER_EPOCH) == (0.02, 1000)
    own = config_of(presets.PaperFPN, LEARNING_RATE=0.1, STEPS_PER_EPOCH=500)
    assert (own.LEARNING_RATE, own.STEPS_PER_EPOCH) == (0.1, 500)


@pytest.mark.parametrize("recipe", EXPECTED)
def test_a_config_before_it_would_hide_its_settings(recipe):
    with pytest.raises(
        TypeError, match=rf"would hide its settings. Write class W\({recipe.__name__}, C"
    ):

        class W(Config, recipe):
            NAME = "wrong"

    class Right(recipe, Config):
        NAME = "right"

    class More(Right):
        NECK = "c4"

    assert More.NECK == "c4"


@pytest.mark.network
def test_faster_rcnn_trains_and_detects(tmp_path):
    small = {"IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64, "FPN_CLASSIF_FC_LAYERS_SIZE": 32}
    counts = {"POST_NMS_ROIS_TRAINING": 60, "TRAIN_ROIS_PER_IMAGE": 16, "STEPS_PER_EPOCH": 1}
    config = config_of(presets.FasterRCNN, NUM_CLASSES=3, VALIDATION_EVERY=0, **small, **counts)
    model = MaskRCNN("training", config, tmp_path)
    rpn = model.keras_model.get_layer("rpn_model")
    # Nine anchors at each of the 4x4 cells of conv5_3.
    assert rpn.get_layer("rpn_conv_shared").kernel.shape == (3, 3, 512, 512)
    assert rpn.get_layer("rpn_class_raw").kernel.shape == (1, 1, 512, 2 * 9)
    assert model.keras_model.get_layer("rpn_class").output.shape == (None, 4 * 4 * 9, 2)
    first, third = (model.keras_model.get_layer(f"block{n}_conv1").kernel for n in (1, 3))
    before = first.numpy(), third.numpy()
    with eager_training():
        rate = config.LEARNING_RATE
        model.train(InMemory(shapes(2)), None, rate, epochs=1, layers="3+", verbose=0)
    assert rate == 0.001
    assert (first.numpy() == before[0]).all() and (third.numpy() != before[1]).any()
    [row] = history.read(model.log_dir)
    parts = [row[name] for name in model.keras_model.loss_names]
    assert len(parts) == 4 and np.isfinite(parts).all()
    # Half the sum of squares, times 0.0005.
    weights = [w.numpy() for w in model.keras_model.trainable_weights if w.name != "gamma"]
    decay = 0.0005 / 2 * sum(float((weight.astype(float) ** 2).sum()) for weight in weights)
    assert row["loss"] - sum(parts) == pytest.approx(decay, rel=0.01)
    detector = MaskRCNN("inference", config, tmp_path)
    detector.load_weights(model.find_last(), by_name=True)
    [result] = detector.detect([shapes(1)[0][0]])
    assert set(result) == {"rois", "class_ids", "scores", "truncated"}
    assert result["rois"].shape == (len(result["scores"]), 4)
