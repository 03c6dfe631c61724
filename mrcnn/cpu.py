"""What this CPU can do, and the kernels that TensorFlow should use on it."""

import functools
import os
import sys
from pathlib import Path

# TensorFlow reads it once, when it is imported.
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


@functools.cache
def instruction_sets(cpuinfo="/proc/cpuinfo"):
    """The instruction sets of an x86 CPU, by Linux's names ("avx2", "avx512f", ...).

    Args:
        cpuinfo: file to read.

    Returns:
        frozenset of str; empty where the system does not say, as outside Linux.
    """
    try:
        lines = Path(cpuinfo).read_text().splitlines()
    except OSError:
        return frozenset()
    flags = (line.partition(":")[2] for line in lines if line.startswith("flags"))
    return frozenset(next(flags, "").split())


def has_fast_bfloat16():
    """Whether the CPU multiplies bfloat16; others emulate it, slower than float32."""
    return not instruction_sets().isdisjoint({"avx512_bf16", "amx_bf16"})


def choose_kernels():
    """Turn TensorFlow's oneDNN kernels on where the CPU has AVX-512, and off where it has not.

    Without AVX-512, oneDNN takes 1.5 to 2 times as long for one image, because it has no fast
    convolution for a batch of one. TensorFlow itself goes by other instruction sets (VNNI).

    Nothing changes where the user has set TF_ENABLE_ONEDNN_OPTS, where TensorFlow is imported
    already, or where the instruction sets are not known.
    """
    if ONEDNN in os.environ or "tensorflow" in sys.modules or not instruction_sets():
        return
    os.environ[ONEDNN] = "1" if "avx512f" in instruction_sets() else "0"
