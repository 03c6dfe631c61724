import contextlib
from types import SimpleNamespace

import pytest
from tiny import TinyConfig

from mrcnn.training import stage_loop


class OptimizerOfAnotherStrategy:
    def build(self, variables):
        raise RuntimeError("Mixing different tf.distribute.Strategy objects")


@pytest.mark.parametrize(("strategy", "error"), [("a strategy", ValueError), (None, RuntimeError)])
def test_an_optimizer_that_was_made_for_one_device(strategy, error):
    model = SimpleNamespace(
        keras_model=SimpleNamespace(optimizer=OptimizerOfAnotherStrategy(), trainable_variables=[]),
        config=TinyConfig(),
        distribution=SimpleNamespace(strategy=strategy, scope=contextlib.nullcontext),
    )
    with pytest.raises(error) as caught:
        stage_loop._build_optimizer(model)
    if strategy:
        assert "the optimizer that SimpleNamespace.compile() creates" in str(caught.value)
        assert "with self.distribution.scope():" in str(caught.value)
