"""The tests lie as the modules do, and every room and module has its place in the layers."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, TESTS = ROOT / "mrcnn", ROOT / "tests"

# Tests of several modules together.
TOGETHER = {
    "datasets/test_check_boxes.py",  # check.py, of data sets that have boxes alone
    "formats/test_coco_boxes.py",  # coco.py and coco_masks.py: what is read as a box
    "formats/test_shape_boxes.py",  # the boxes of all shapes, those of formats too
    "network/test_backends.py",  # the whole network, on each backend
    "network/test_full_size.py",  # the whole network of COCO
    "ops/test_ops_boxes.py",  # boxes.py and gather.py, by the names of the room
}

# Modules without a test file of their own, and the one in which they are tested.
ELSEWHERE = {
    # what is refused is seen in the settings that are checked
    "config_rules/values.py": "config_rules/test_network_rules.py",
    # a sample is read before it is made
    "datasets/reading.py": "loading/test_samples.py",
    # the files and lines that an evaluation writes
    "evaluation/report.py": "evaluation/test_run.py",
    # parts of a format, tested by the data set that is read
    "formats/coco_json.py": "formats/test_coco.py",
    "formats/coco_masks.py": "formats/test_coco.py",
    "formats/index_colours.py": "formats/test_index_pngs.py",
    "formats/via_files.py": "formats/test_via.py",
    "formats/voc_folders.py": "formats/test_voc_xml.py",
    "formats/yolo_labels.py": "formats/test_yolo.py",
    # names are checked and renamed as records are read
    "formats/naming.py": "formats/test_records.py",
    # an image is read in the same way, whatever its file
    "images/tiff.py": "images/test_reading.py",
    # what goes into a detector and comes out of it
    "inference/molding.py": "inference/test_detector.py",
    # two divisions, in every figure
    "metrics/ratios.py": "metrics/test_objects.py",
    # the first layers of the graph
    "network/inputs.py": "network/test_graph.py",
    # boxes and rows by the names of the room; kernels against the plain form of each operation
    "ops/boxes.py": "ops/test_ops_boxes.py",
    "ops/gather.py": "ops/test_ops_boxes.py",
    "ops/kernels.py": "ops/test_crop.py",
    # runs that are stopped and go on
    "training/callbacks/state.py": "training/test_trainer.py",
}


def modules():
    """Paths of all modules, relative to the package."""
    return [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]


def own_tests(module):
    """Where a module's tests belong, relative to tests/: those of a room itself in test_<room>."""
    name = module.parent.name if module.stem == "__init__" else module.stem
    return module.parent / f"test_{name}.py"


def defines(module):
    """Whether a module defines functions or classes."""
    body = ast.parse((PACKAGE / module).read_text(encoding="utf8")).body
    return any(isinstance(each, ast.FunctionDef | ast.ClassDef) for each in body)


def test_every_test_in_a_room_has_its_module():
    found = {path.relative_to(TESTS).as_posix() for path in TESTS.glob("*/**/test_*.py")}
    assert found - {own_tests(module).as_posix() for module in modules()} == TOGETHER


def test_every_module_has_its_tests():
    untested = {
        module.as_posix()
        for module in modules()
        if defines(module) and not (TESTS / own_tests(module)).exists()
    }
    assert sorted(untested - ELSEWHERE.keys()) == []
    assert sorted(ELSEWHERE.keys() - untested) == []
    assert all((TESTS / path).exists() for path in ELSEWHERE.values())


def test_every_room_and_module_has_its_layer():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    assert (contract["type"], contract["containers"]) == ("layers", ["mrcnn"])
    layers = [name for line in contract["layers"] for name in line.split(" | ")]
    inside = [p for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()]
    assert sorted(layers) == sorted({path.stem for path in inside} - {"__init__"})
