import pytest

from mrcnn.config_rules.training_rules import problems, remarks

from .test_network_rules import Valid

ONE_PROBLEM = [
    (
        {"OPTIMIZER": "rmsprop"},
        "OPTIMIZER is 'rmsprop': it must be one of sgd, adam, adamw, or a function (learning_rate, "
        "**options) that returns a Keras optimizer.",
    ),
    *[
        (
            {"LEARNING_RATE": value},
            f"LEARNING_RATE is {value!r}: it must be a number of at least 0, such as 0.001.",
        )
        for value in (-1e-3, float("inf"), "0.001", None)
    ],
    *[
        ({"LEARNING_MOMENTUM": value}, f"LEARNING_MOMENTUM is {value!r}: it must lie in [0, 1).")
        for value in (-0.1, 1, None)
    ],
    *[
        ({"WEIGHT_DECAY": value}, f"WEIGHT_DECAY is {value!r}: it must be a number of at least 0.")
        for value in (-1e-4, float("nan"), None)
    ],
    (
        {"LR_SCHEDULE": "linear"},
        "LR_SCHEDULE is 'linear': it must be one of constant, step, cosine.",
    ),
    *[
        (
            {"LR_STEPS": value},
            f"LR_STEPS is {value!r}: it must be a list of increasing epochs, such as [30, 40].",
        )
        for value in (30, [40, 30], [30, 30], [0], [1.5], None)
    ],
    (
        {"LR_SCHEDULE": "step"},
        "LR_STEPS is []: with LR_SCHEDULE 'step' it must list the epochs after which the learning "
        "rate falls, such as [30, 40].",
    ),
    *[
        ({"LR_FACTOR": value}, f"LR_FACTOR is {value!r}: it must lie in (0, 1].")
        for value in (0, 10, None)
    ],
    *[
        (
            {"LR_WARMUP_STEPS": value},
            f"LR_WARMUP_STEPS is {value!r}: it must be a whole number of batches, 0 for no "
            "warm-up.",
        )
        for value in (-1, 0.5, None)
    ],
    *[
        (
            {"EMA": value},
            f"EMA is {value!r}: it must be None, or a momentum in (0, 1) such as 0.999.",
        )
        for value in (True, 0, 1, "0.9")
    ],
    (
        {"MIXED_PRECISION": "mixed_float16"},
        "MIXED_PRECISION is 'mixed_float16': it must be None (float32), bfloat16 or float16.",
    ),
    (
        {"CLASS_WEIGHTS": [1, 2]},
        "CLASS_WEIGHTS is [1, 2]: it must be None, or a dict of class id to weight.",
    ),
    *[
        (
            {"CLASS_WEIGHTS": {key: 2}},
            f"CLASS_WEIGHTS has the key {key!r}: class ids run from 0, the background, to 1.",
        )
        for key in (2, -1, "balloon")
    ],
    *[
        (
            {"CLASS_WEIGHTS": {1: value}},
            f"CLASS_WEIGHTS has {value!r} for class 1: it must be finite and at least 0.",
        )
        for value in (-1, None, float("inf"), float("nan"))
    ],
    ({"RPN_LOSS": "sum"}, "RPN_LOSS is 'sum': it must be 'mean', 'faster_rcnn' or 'sampled'."),
    *[
        (
            {"RPN_LOSS_LAMBDA": value},
            f"RPN_LOSS_LAMBDA is {value!r}: it must be a positive number; the paper has 10.",
        )
        for value in (0, "10", True, float("inf"), float("nan"))
    ],
    (
        {"NEW_LAYERS_INIT": "normal"},
        "NEW_LAYERS_INIT is 'normal': it must be 'glorot' or 'gaussian'.",
    ),
    *[
        (
            {"WEIGHT_DECAY_ON": value},
            f"WEIGHT_DECAY_ON is {value!r}: it must be 'mean' or 'sum'.",
        )
        for value in ("average", None)
    ],
    ({"HOST_COUNT": 0}, "HOST_COUNT is 0: it must be a whole number of at least 1."),
    (
        {"HOST_COUNT": 2, "GPU_COUNT": 5},
        "HOST_COUNT is 2: GPU_COUNT, the number of devices on all hosts together, must be a "
        "multiple of it (4), but is 5.",
    ),
    (
        {"HOST_COUNT": 2},
        "HOST_COUNT is 2: GPU_COUNT, the number of devices on all hosts together, must be a "
        "multiple of it (2), but is 1.",
    ),
]


def problems_with(**settings):
    config = Valid()
    for name, value in settings.items():
        setattr(config, name, value)
    return problems(config)


@pytest.mark.parametrize(("settings", "message"), ONE_PROBLEM)
def test_message(settings, message):
    assert problems_with(**settings) == [message]


def test_devices():
    assert not problems_with(GPU_COUNT=8) and not problems_with(GPU_COUNT=8, HOST_COUNT=2)
    assert not problems_with(GPU_COUNT=1.5)  # which another check reports


def test_the_loader():
    assert not problems_with(LOADER_WORKERS=3, LOADER_PROCESSES="forkserver")
    assert problems_with(LOADER_WORKERS=0, LOADER_PROCESSES=True) == [
        "LOADER_WORKERS is 0: it must be None or a whole number of at least 1.",
        "LOADER_PROCESSES is True: it must be None for threads, or one of spawn, forkserver, fork.",
    ]


def test_validation():
    assert not problems_with(VALIDATION_EVERY=0, VALIDATION_IMAGES=1)
    assert problems_with(VALIDATION_EVERY=None, VALIDATION_IMAGES=0) == [
        "VALIDATION_EVERY is None: it must be a whole number of epochs, or 0 for never.",
        "VALIDATION_IMAGES is 0: it must be None or a whole number of at least 1.",
    ]


def test_run():
    assert not problems_with(
        EARLY_STOPPING=1, KEEP_CHECKPOINTS=None, SAVE_EVERY_MINUTES=0.5, MONITOR="val_loss"
    )
    assert problems_with(
        EARLY_STOPPING=0, KEEP_CHECKPOINTS=1.5, SAVE_EVERY_MINUTES=0, MONITOR=3
    ) == [
        "EARLY_STOPPING is 0: it must be None or a whole number of at least 1.",
        "KEEP_CHECKPOINTS is 1.5: it must be None or a whole number of at least 1.",
        "SAVE_EVERY_MINUTES is 0: it must be None or a positive number.",
        "MONITOR is 3: it must be None or a name, such as 'val_loss'.",
    ]


def test_a_balance_that_no_loss_uses():
    config = Valid()
    assert remarks(config) == []
    config.RPN_LOSS_LAMBDA = 1
    assert remarks(config) == [
        "RPN_LOSS_LAMBDA is 1, but only RPN_LOSS 'faster_rcnn' uses it; LOSS_WEIGHTS also changes "
        "the balance."
    ]
    config.RPN_LOSS = "faster_rcnn"
    assert remarks(config) == []
