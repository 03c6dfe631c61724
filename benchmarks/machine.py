"""One line about the machine, without which timings mean nothing, and a stopwatch."""

import os
import time

from mrcnn.cpu import ONEDNN, first_core_entry, instruction_sets

SHOWN = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
# Environment variables that can emulate another CPU, and so belong with the results.
LIMITS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "XLA_FLAGS")


def timed(function):
    """Seconds that a call of a function takes."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def describe():
    """CPU model, cores, relevant instruction sets, and the settings that select kernels."""
    sets = [name for name in SHOWN if name in instruction_sets()]
    settings = [f"{name}={os.environ[name]}" for name in (ONEDNN, *LIMITS) if name in os.environ]
    model = first_core_entry("model name") or "unknown CPU"
    return ", ".join([model, f"{os.cpu_count()} cores", *sets, *settings])
