"""The precision that a network computes in: Keras's dtype policy, for that network only."""

import contextlib
from collections.abc import Iterator

import keras

from ..config import Config


@contextlib.contextmanager
def precision_of(config: Config) -> Iterator[None]:
    """Layers and models created in this context compute in MIXED_PRECISION; weights stay float32.

    Keras's global policy is restored on exit; if MIXED_PRECISION is None, it applies inside, too. A
    model created under "float16" scales its loss once it is compiled, so that small gradients
    survive.

    Args:
        config: for MIXED_PRECISION.
    """
    if config.MIXED_PRECISION is None:
        yield
        return
    with policy(f"mixed_{config.MIXED_PRECISION}"):
        yield


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    """Keras's global dtype policy is another one in this context.

    Args:
        name: such as "float32" or "mixed_bfloat16".

    Raises:
        ValueError: Keras has no policy of that name.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
