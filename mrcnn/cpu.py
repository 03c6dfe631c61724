"""What this CPU can do, and the kernels that TensorFlow should use on it."""

import functools
import os
import sys
from pathlib import Path

# TensorFlow reads this variable once, on import.
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
# Values of oneDNN's ONEDNN_MAX_CPU_ISA that keep it from AVX-512, and from bfloat16.
BELOW_AVX512 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2")
BELOW_BFLOAT16 = (*BELOW_AVX512, "AVX512_CORE", "AVX512_CORE_VNNI")


@functools.cache
def instruction_sets(cpuinfo="/proc/cpuinfo"):
    """The instruction sets of an x86 CPU, by Linux's names ("avx2", "avx512f", ...).

    Args:
        cpuinfo: file to read.

    Returns:
        frozenset of str; empty where the system does not say, as outside Linux.
    """
    return frozenset(of_first_core("flags", cpuinfo).split())


def of_first_core(entry, cpuinfo="/proc/cpuinfo"):
    """What Linux says of the first core.

    Args:
        entry: name of the line, such as "flags" or "model name".
        cpuinfo: file to read.

    Returns:
        str; "" where the system does not say.
    """
    try:
        lines = Path(cpuinfo).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(entry)), "")


def has_fast_bfloat16():
    """Whether this is an x86 CPU that multiplies bfloat16, with oneDNN on.

    False where that is not known. TensorFlow's own kernels emulate bfloat16: a convolution takes 13
    times as long as in float32.
    """
    known = not instruction_sets().isdisjoint({"avx512_bf16", "amx_bf16"})
    return known and os.environ.get(ONEDNN) != "0" and not onednn_is_kept_to(BELOW_BFLOAT16)


def onednn_is_kept_to(names):
    """Whether ONEDNN_MAX_CPU_ISA is one of these names."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in names


def choose_kernels():
    """Turn TensorFlow's oneDNN kernels on if they can use AVX-512, and off if they cannot.

    Without AVX-512, detecting in one image takes 1.5 to 2 times as long with oneDNN, which has no
    fast convolution for a batch of one there; training takes about as long with either. TensorFlow
    itself decides by other instruction sets (VNNI).

    Nothing changes if the user has set TF_ENABLE_ONEDNN_OPTS, if TensorFlow is imported already, or
    if the instruction sets are not known.
    """
    if ONEDNN in os.environ or "tensorflow" in sys.modules or not instruction_sets():
        return
    avx512 = "avx512f" in instruction_sets() and not onednn_is_kept_to(BELOW_AVX512)
    os.environ[ONEDNN] = "1" if avx512 else "0"
