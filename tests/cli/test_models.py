"""`mrcnn models`: the models that come with the package."""

import pytest

from mrcnn.cli import main
from mrcnn.weights.catalogue import MODELS
from mrcnn.weights.zoo import ZOO


def test_each_model_has_a_paragraph(capsys):
    with pytest.raises(SystemExit) as caught:
        main.main(["models"])
    assert caught.value.code == 0
    own, published = capsys.readouterr().out.split("\n\n")
    assert (
        "  torchvision:maskrcnn_resnet50_fpn_v2              box AP 47.4, mask AP 41.8\n"
        in published
    )
    assert published.splitlines()[-1].startswith("backbones, trained on ImageNet: torchvision:res")
    assert all(published.count(name) for name in ZOO)
    lines = own.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == list(MODELS) == ["nuclei"]
    names = [line.split(":")[0].strip() for line in lines[1:]]
    assert names == ["finds", "measured", "classes", "score", "licence", "file"]
    text = "\n".join(lines)
    for said in (MODELS["nuclei"].measured, "0.75 is recommended", "CC0 1.0", "(18.4 MB)"):
        assert said in text
