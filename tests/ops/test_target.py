"""What a graph is being traced for."""

import pytest

from mrcnn.ops.target import current, exporting


def test_the_target_ends_with_the_block():
    assert current() is None
    with exporting("onnx"):
        assert current() == "onnx"
        with exporting("litert"):
            assert current() == "litert"
        assert current() == "onnx"
    assert current() is None


def test_an_error_ends_it_too():
    with pytest.raises(ZeroDivisionError), exporting("onnx"):
        _ = 1 / 0
    assert current() is None
