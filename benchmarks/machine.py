"""The machine that a benchmark runs on, in a line: speeds mean nothing without it."""

import os
from pathlib import Path

from mrcnn.cpu import ONEDNN, instruction_sets

SHOWN = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
# What imitates another CPU, and so belongs to the figures.
LIMITS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "XLA_FLAGS")


def describe():
    """CPU model, cores, instruction sets that matter, and the settings that choose kernels."""
    sets = [name for name in SHOWN if name in instruction_sets()]
    settings = [f"{name}={os.environ[name]}" for name in (ONEDNN, *LIMITS) if name in os.environ]
    return ", ".join([model(), f"{os.cpu_count()} cores", *sets, *settings])


def model():
    """The CPU's name, "unknown CPU" where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown CPU"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown CPU")
