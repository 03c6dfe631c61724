"""Every kind of graph in every format, against Keras."""

import pytest
from export_models import CHOICES, assert_same, model_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("format", ["onnx", "openvino", "litert"])
@pytest.mark.parametrize("choice", CHOICES)
def test_the_same_detections(tmp_path, choice, format):
    model = model_of(choice, tmp_path)
    assert_same(model, model.export(tmp_path / "exported", format), choice)
