from mrcnn.weights.foreign.detectron2_names import by_longest_suffix, is_ignored


def test_the_longest_suffix_wins():
    names = ["conv1.weight", "res2.0.conv1.weight", "xres2.0.conv1.weight"]
    wanted = ["a.res2.0.conv1.weight", "stem.conv1.weight", "fc1.weight"]
    assert by_longest_suffix(names, wanted) == {
        "a.res2.0.conv1.weight": "res2.0.conv1.weight",
        "stem.conv1.weight": "conv1.weight",
    }


def test_what_is_left_out():
    for name in (
        "pixel_mean",
        "pixel_std",
        "proposal_generator.anchor_generator.cell_anchors.0",
        "stem.fc.weight",
    ):
        assert is_ignored(name)
    assert not is_ignored("roi_heads.box_head.fc1.weight")
