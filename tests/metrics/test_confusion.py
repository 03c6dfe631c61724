from mrcnn.evaluation import ConfusionMatrix, ObjectScores

from .compared import compare

A, B, C, D = (0, 0, 10, 10), (0, 10, 10, 20), (12, 0, 22, 10), (12, 10, 22, 20)


def matrix(*comparisons, **options):
    metric = ConfusionMatrix((1, 2), **options)
    for comparison in comparisons:
        metric.add(comparison)
    return metric.compute()


def test_by_hand():
    # A is correct, B taken for class 1, C missed, D spurious; a second detection of A is false.
    truth = [(A, 1), (B, 2), (C, 2)]
    found = [(A, 1, 0.5), (A, 2, 0.9), (B, 1, 0.8), (D, 2, 0.7)]
    figures = matrix(compare(truth, found))
    assert figures["class_ids"] == [0, 1, 2] and figures["iou"] == 0.5
    assert figures["matrix"] == [[0, 0, 2], [0, 1, 0], [1, 1, 0]]
    assert matrix(compare(truth, found), compare(truth, found))["matrix"][0] == [0, 0, 4]


def test_threshold_and_crowds():
    comparison = compare([(A, 1), (C, -2)], [((0, 0, 6, 10), 1, 0.9), (C, 2, 0.8), (D, 1, 0.7)])
    assert matrix(comparison)["matrix"] == [[0, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert matrix(comparison, threshold=0.7)["matrix"] == [[0, 2, 0], [1, 0, 0], [0, 0, 0]]


def test_the_diagonal_holds_the_correct_detections():
    # The detection of A's class fits worse than the other one, yet A was found.
    comparison = compare([(A, 1)], [((0, 0, 8, 10), 1, 0.3), (A, 2, 0.9)])
    assert matrix(comparison)["matrix"] == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    scores = ObjectScores((1, 2), thresholds=(0.5,))
    scores.add(comparison)
    assert scores.compute()["tp"] == [1]
