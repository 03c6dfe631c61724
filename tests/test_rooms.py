"""Tests mirror the modules, and every room (subpackage) and module has its layer."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, TESTS = ROOT / "mrcnn", ROOT / "tests"

# Tests of several modules together.
JOINT_TESTS = {
    "browser/test_access.py",  # the server's page: by keyboard, on a phone, read aloud
    "browser/test_downloads.py",  # the files that it offers
    "browser/test_large.py",  # large images and several classes in it
    "browser/test_page.py",  # what it shows
    "browser/test_refusals.py",  # what it says when the server refuses
    "clients/test_clients.py",  # whole projects
    "datasets/test_check_boxes.py",  # check.py, for datasets that have only boxes
    "formats/test_binary_masks.py",  # the formats that store pixels
    "formats/test_coco_categories.py",  # coco.py and coco_json.py: what becomes a class
    "formats/test_turned_images.py",  # the formats that give sizes, where EXIF swaps them
    "formats/test_coco_boxes.py",  # coco.py and coco_masks.py: what is read as boxes
    "formats/test_shape_boxes.py",  # the boxes of all shapes, including the formats' own
    "network/backbones/test_choices.py",  # whole networks with each named backbone
    "network/test_backends.py",  # the whole network, on each backend
    "network/test_choices.py",  # whole networks with each neck, mask head and suppression
    "network/test_full_size.py",  # the whole network, at the size for COCO
    "training/test_foreign_training.py",  # losses and gradients of other projects' networks
    "export/test_choices.py",  # whole networks of every kind, in every format
    "presets/test_paper_networks.py",  # the papers' whole networks, on each backend
    "ops/test_ops_boxes.py",  # boxes.py and gather.py, by their names in `mrcnn.ops`
}

# Modules without their own test file, and the file that tests them.
TESTED_IN = {
    # its errors show when settings are checked
    "config_rules/values.py": "config_rules/test_network_rules.py",
    # options that two verbs share
    "cli/scale_and_tiles.py": "cli/test_detect.py",
    # what the processes of a cluster do
    "jobs/work.py": "jobs/test_cluster.py",
    # reading is the first step of making a sample
    "datasets/reading.py": "loading/test_samples.py",
    # the files and lines that an evaluation writes
    "evaluation/report.py": "evaluation/test_run.py",
    # the mechanism of old_paths and flat_imports
    "legacy/stand_ins.py": "legacy/test_old_paths.py",
    # parts of a format, tested by reading its datasets
    "formats/coco_json.py": "formats/test_coco.py",
    "formats/evidence.py": "formats/test_recognise.py",
    "formats/coco_masks.py": "formats/test_coco.py",
    "formats/index_colours.py": "formats/test_index_pngs.py",
    "formats/via_files.py": "formats/test_via.py",
    "formats/voc_folders.py": "formats/test_voc_xml.py",
    "formats/yolo_labels.py": "formats/test_yolo.py",
    # a TIFF is read like any other image file
    "images/tiff.py": "images/test_reading.py",
    # how a region is read: mapped or decoded, in any axes, from any kind of file
    "images/region_maps.py": "images/test_region_tiff.py",
    "images/region_tiles.py": "images/test_region_tiff.py",
    "images/region_stored.py": "images/test_region_tiff.py",
    "images/region_source.py": "images/test_regions.py",
    "images/region_kinds.py": "images/test_regions.py",
    # the detections whose fields are decoded
    "decoding/found.py": "decoding/test_fields.py",
    # the formats, each by its runtime
    "export/onnx_file.py": "export/test_exporting.py",
    "export/openvino.py": "export/test_exporting.py",
    "export/litert.py": "export/test_exporting.py",
    "export/savedmodel.py": "export/test_exporting.py",
    "runtime/sessions.py": "export/test_exporting.py",
    # what goes into a detector and comes out of it
    "inference/base_detector.py": "inference/test_detector.py",
    "inference/molding.py": "inference/test_detector.py",
    # two divisions that all metrics use
    "metrics/ratios.py": "metrics/test_objects.py",
    # the first layers of the graph
    "network/inputs.py": "network/test_graph.py",
    # boxes and rows by their names in `mrcnn.ops`; kernels against plain operations
    "ops/boxes.py": "ops/test_ops_boxes.py",
    "ops/gather.py": "ops/test_ops_boxes.py",
    "ops/kernels.py": "ops/test_crop.py",
    # what a request is refused with, and what is counted
    "serving/refusals.py": "serving/test_budget.py",
    "serving/metrics.py": "serving/test_app.py",
    # the model as the server uses it
    "serving/network.py": "serving/test_service.py",
    # runs that are stopped and resumed
    "training/callbacks/state.py": "training/test_trainer.py",
}


def modules():
    """Paths of all modules, relative to the package."""
    return [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]


def own_tests(module):
    """Where a module's tests belong, relative to tests/; a room's own are in test_<room>.py."""
    name = module.parent.name if module.stem == "__init__" else module.stem
    return module.parent / f"test_{name}.py"


def defines(module):
    """Whether a module defines functions or classes."""
    body = ast.parse((PACKAGE / module).read_text(encoding="utf8")).body
    return any(isinstance(each, ast.FunctionDef | ast.ClassDef) for each in body)


def test_every_test_in_a_room_has_its_module():
    found = {path.relative_to(TESTS).as_posix() for path in TESTS.glob("*/**/test_*.py")}
    assert found - {own_tests(module).as_posix() for module in modules()} == JOINT_TESTS


def test_every_module_has_its_tests():
    untested = {
        module.as_posix()
        for module in modules()
        if defines(module) and not (TESTS / own_tests(module)).exists()
    }
    assert sorted(untested - TESTED_IN.keys()) == []
    assert sorted(TESTED_IN.keys() - untested) == []
    assert all((TESTS / path).exists() for path in TESTED_IN.values())


def test_every_room_and_module_has_its_layer():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    assert (contract["type"], contract["containers"]) == ("layers", ["mrcnn"])
    layers = [name for line in contract["layers"] for name in line.split(" | ")]
    inside = [p for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()]
    assert sorted(layers) == sorted({path.stem for path in inside} - {"__init__"})
