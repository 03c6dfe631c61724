import os
import subprocess
import sys

import pytest

from mrcnn import cpu

ZEN4 = "processor : 0\nflags\t\t: fpu sse avx2 avx512f avx512_bf16\nbugs : \n"
ALDER_LAKE = "processor : 0\nflags\t\t: fpu sse avx2 avx_vnni\n\nprocessor : 1\nflags : avx512f\n"
GRAVITON = "processor\t: 0\nFeatures\t: fp asimd sve\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Function: make this machine look like a /proc/cpuinfo text, with TensorFlow not imported."""
    read = cpu.instruction_sets.__wrapped__

    def pretend(text):
        path = tmp_path / "cpuinfo"
        path.write_text(text)
        sets = read(str(path))
        monkeypatch.setattr(cpu, "instruction_sets", lambda: sets)
        monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
        # Set first, so that it is restored even if it did not exist.
        monkeypatch.setenv(cpu.ONEDNN, "")
        monkeypatch.delenv(cpu.ONEDNN)
        monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
        return sets

    return pretend


def test_instruction_sets_are_those_of_the_first_core(machine):
    assert machine(ZEN4) == {"fpu", "sse", "avx2", "avx512f", "avx512_bf16"}


def test_no_instruction_sets_where_the_system_reports_none(machine, tmp_path):
    assert cpu.instruction_sets(str(tmp_path / "missing")) == frozenset()
    assert machine(GRAVITON) == frozenset()


@pytest.mark.parametrize(
    ("text", "kernels", "bfloat16"),
    [(ZEN4, "1", True), (ALDER_LAKE, "0", False), (GRAVITON, None, False)],
    ids=["zen4", "alder_lake", "graviton"],
)
def test_kernels_are_those_of_the_cpu(machine, text, kernels, bfloat16):
    machine(text)
    cpu.choose_kernels()
    assert os.environ.get(cpu.ONEDNN) == kernels
    assert cpu.has_fast_bfloat16() is bfloat16


@pytest.mark.parametrize("own", ["0", "1", ""])
def test_the_users_setting_stands(machine, monkeypatch, own):
    for text in (ZEN4, ALDER_LAKE):
        machine(text)
        monkeypatch.setenv(cpu.ONEDNN, own)
        cpu.choose_kernels()
        assert os.environ[cpu.ONEDNN] == own


@pytest.mark.parametrize(
    ("limit", "kernels", "bfloat16"),
    [("avx2", "0", False), ("AVX512_CORE", "1", False), ("AVX512_CORE_BF16", "1", True)],
)
def test_the_limit_set_for_onednn_counts(machine, monkeypatch, limit, kernels, bfloat16):
    machine(ZEN4)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    cpu.choose_kernels()
    assert os.environ[cpu.ONEDNN] == kernels
    assert cpu.has_fast_bfloat16() is bfloat16


def test_without_onednn_bfloat16_is_emulated(machine, monkeypatch):
    machine(ZEN4)
    monkeypatch.setenv(cpu.ONEDNN, "0")
    assert not cpu.has_fast_bfloat16()


def test_nothing_changes_once_tensorflow_is_imported(machine, monkeypatch):
    machine(ZEN4)
    monkeypatch.setitem(sys.modules, "tensorflow", object())
    cpu.choose_kernels()
    assert cpu.ONEDNN not in os.environ


@pytest.mark.skipif(not cpu.instruction_sets(), reason="the CPU's instruction sets are unknown")
def test_importing_the_package_chooses_kernels():
    chosen_by = (cpu.ONEDNN, "ONEDNN_MAX_CPU_ISA")
    environment = {name: value for name, value in os.environ.items() if name not in chosen_by}
    script = "import os, mrcnn; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    chosen = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert chosen.stdout.strip() == ("1" if "avx512f" in cpu.instruction_sets() else "0")
