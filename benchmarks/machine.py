"""The machine that a benchmark runs on, in a line: speeds mean nothing without it."""

import os

from mrcnn.cpu import ONEDNN, instruction_sets, of_first_core

SHOWN = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
# What imitates another CPU, and so belongs to the figures.
LIMITS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "XLA_FLAGS")


def describe():
    """CPU model, cores, instruction sets that matter, and the settings that choose kernels."""
    sets = [name for name in SHOWN if name in instruction_sets()]
    settings = [f"{name}={os.environ[name]}" for name in (ONEDNN, *LIMITS) if name in os.environ]
    model = of_first_core("model name") or "unknown CPU"
    return ", ".join([model, f"{os.cpu_count()} cores", *sets, *settings])
