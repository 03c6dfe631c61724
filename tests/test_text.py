import numpy as np

from mrcnn.text import log, some


def test_some():
    assert some(["a", 1]) == "a, 1"
    assert some([]) == "none"
    assert some("abcd", limit=2) == "a, b and 2 more"


def test_log_of_a_message(capsys):
    log("Processing 1 images")
    assert capsys.readouterr().out == "Processing 1 images\n"


def test_log_of_an_array(capsys):
    log("image", np.array([[1, -5, 7]], np.int16))
    assert capsys.readouterr().out == (
        "image                      shape: (1, 3)                min:         -5  "
        "max:          7  int16\n"
    )


def test_log_of_floats_is_short(capsys):
    log("molded", np.array([-48.220001, 1 / 3], np.float32))
    assert capsys.readouterr().out == (
        "molded                     shape: (2,)                  min:     -48.22  "
        "max:    0.33333  float32\n"
    )


def test_log_of_an_empty_array(capsys):
    log("masks", np.zeros((0, 28, 28), bool))
    assert capsys.readouterr().out.split() == [
        "masks",
        "shape:",
        "(0,",
        "28,",
        "28)",
        "min:",
        "max:",
        "bool",
    ]


def test_log_of_text(capsys):
    log("truncated", np.str_("LIMIT"))
    assert capsys.readouterr().out.split() == ["truncated", "shape:", "()", "min:", "max:", "<U5"]
