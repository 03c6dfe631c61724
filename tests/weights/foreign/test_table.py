from mrcnn.weights.foreign import table


def test_a_resnet():
    found = table.resnet(
        (1, 2),
        ("stem", "stem_norm"),
        lambda stage, index, branch: (f"{stage}/{index}/{branch}", f"{stage}/{index}/{branch}n"),
    )
    assert [part.name for part in found["bn3b_branch2c"]] == [
        "3/1/2cn.weight", "3/1/2cn.bias", "3/1/2cn.running_mean", "3/1/2cn.running_var",
    ]  # fmt: skip
    assert [part.name for part in found["res2a_branch1"]] == ["2/0/1.weight"]
    assert "res3b_branch1" not in found and len(found) == 2 + 2 * (4 + 4 + 3)


def test_running_statistics_have_defaults():
    assert [part.default for part in table.norm("bn")] == [None, None, 0.0, 1.0]
