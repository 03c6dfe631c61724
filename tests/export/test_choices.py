"""Every kind of graph in every format, against Keras."""

import pytest
from export_models import CHOICES, assert_same, model_of

pytestmark = pytest.mark.slow

# The choices that OpenVINO does not take.
LOOPS = ("maxima", "pool", "soft")


@pytest.mark.parametrize("format", ["onnx", "openvino", "litert"])
@pytest.mark.parametrize("choice", CHOICES)
def test_the_same_detections(tmp_path, choice, format):
    model = model_of(choice, tmp_path)
    if format == "openvino" and choice in LOOPS:
        with pytest.raises(ValueError, match="OpenVINO cannot convert the network"):
            model.export(tmp_path / "exported", format)
        return
    assert_same(model, model.export(tmp_path / "exported", format), choice)
