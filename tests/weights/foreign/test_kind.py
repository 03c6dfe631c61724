from mrcnn.weights.foreign.kind import Kind, numbers_in


def test_kinds_in_words():
    assert str(Kind("torchvision", None)) == "a ResNet of torchvision"
    assert str(Kind("detectron2", "c4")) == "a model of Detectron2 with C4"


def test_numbers_in_names():
    shapes = {f"fc{number}.weight": () for number in (0, 1, 2, 4, 6, 10**9)}
    assert list(numbers_in(shapes, r"fc(\d+)\.weight")) == [0, 1, 2]
    assert list(numbers_in(shapes, r"fc(\d+)\.weight", first=1)) == [1, 2]
    assert list(numbers_in(shapes, r"fc(\d+)\.weight", step=2)) == [0, 2, 4, 6]
    assert not numbers_in(shapes, r"fc(\d+)\.weight", first=3)
    assert not numbers_in({}, r"fc(\d+)")
    many = {f"fc{number}.weight": () for number in range(1000)}
    assert len(numbers_in(many, r"fc(\d+)\.weight")) == 100
