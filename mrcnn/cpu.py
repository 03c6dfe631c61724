"""What this CPU supports, and which kernels TensorFlow should use on it."""

import functools
import os
import sys
from collections.abc import Container
from pathlib import Path

from .types import PathLike

# TensorFlow reads this variable once, on import.
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
# Values of ONEDNN_MAX_CPU_ISA that keep oneDNN from using AVX-512, and from using bfloat16.
BELOW_AVX512 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2")
BELOW_BFLOAT16 = (*BELOW_AVX512, "AVX512_CORE", "AVX512_CORE_VNNI")


@functools.cache
def instruction_sets(cpuinfo: PathLike = "/proc/cpuinfo") -> frozenset[str]:
    """Return the instruction sets of an x86 CPU, by Linux's names ("avx2", "avx512f", ...).

    Args:
        cpuinfo: file to read.

    Returns:
        Their names; empty where they are unknown, as outside Linux.
    """
    return frozenset(first_core_entry("flags", cpuinfo).split())


def first_core_entry(entry: str, cpuinfo: PathLike = "/proc/cpuinfo") -> str:
    """Return what Linux reports about the first core.

    Args:
        entry: name of the line, such as "flags" or "model name".
        cpuinfo: file to read.

    Returns:
        What follows the name in that line; "" where it is unknown.
    """
    try:
        lines = Path(cpuinfo).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(entry)), "")


def has_fast_bfloat16() -> bool:
    """Whether this is an x86 CPU that multiplies bfloat16 natively, and oneDNN is on.

    False where that is unknown. TensorFlow's own kernels emulate bfloat16: a convolution takes 13
    times as long as in float32.
    """
    known = not instruction_sets().isdisjoint({"avx512_bf16", "amx_bf16"})
    return known and os.environ.get(ONEDNN) != "0" and not onednn_is_limited_to(BELOW_BFLOAT16)


def onednn_is_limited_to(names: Container[str]) -> bool:
    """Whether ONEDNN_MAX_CPU_ISA is one of these names."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in names


def choose_kernels() -> None:
    """Turn TensorFlow's oneDNN kernels on if they can use AVX-512, and off if they cannot.

    Without AVX-512, oneDNN has no fast convolution for a batch of one: detection in one image takes
    1.5 to 2 times as long with it. Training takes about as long either way. TensorFlow's own choice
    depends on other instruction sets (VNNI).

    Nothing changes if the user has set TF_ENABLE_ONEDNN_OPTS, if TensorFlow is already imported, or
    if the instruction sets are unknown.
    """
    if ONEDNN in os.environ or "tensorflow" in sys.modules or not instruction_sets():
        return
    avx512 = "avx512f" in instruction_sets() and not onednn_is_limited_to(BELOW_AVX512)
    os.environ[ONEDNN] = "1" if avx512 else "0"
