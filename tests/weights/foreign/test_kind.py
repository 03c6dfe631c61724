from mrcnn.weights.foreign.kind import Kind, count_of


def test_kinds_in_words():
    assert str(Kind("torchvision", None)) == "a ResNet of torchvision"
    assert str(Kind("detectron2", "c4")) == "a model of Detectron2 with C4"


def test_numbers_in_names():
    assert count_of({"fc1.weight": (), "fc12.weight": (), "fc3.bias": ()}, r"fc(\d+)\.weight") == 13
    assert count_of({}, r"fc(\d+)") == 0
