"""Run notebooks from a clean state and store them with their outputs.

    python notebooks/execute.py              # all
    python notebooks/execute.py demo         # notebooks/demo.py becomes notebooks/demo.ipynb

The sources are the `.py` files, in Jupytext's percent format; edit those.
"""

import argparse
import base64
import functools
import io
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

from mrcnn.files.whole import replacing

FOLDER = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "execute")
# Seconds that one cell may take.
TIMEOUT = 900

# What `execute(name, quick=True)` replaces, so that the same cells run in a few seconds each.
QUICK = {
    "ablations": {
        'val = tasks.load_shapes("val", 100)': 'val = tasks.load_shapes("val", 5)',
        'settings = {"STEPS_PER_EPOCH": 160}': (
            'settings = {"STEPS_PER_EPOCH": 1, "IMAGES_PER_GPU": 1, "TRAIN_ROIS_PER_IMAGE": 8, '
            '"POST_NMS_ROIS_INFERENCE": 8, "DETECTION_MAX_INSTANCES": 8, "IMAGE_MIN_DIM": 64, '
            '"IMAGE_MAX_DIM": 64}'
        ),
        "val.image_ids[:40]": "val.image_ids[:3]",
    },
    "demo": {
        'load_dataset(ROOT_DIR / "samples/nucleus/data", "val")': (
            'load_dataset(ROOT_DIR / "samples/nucleus/data", "val").subset([0, 1])'
        ),
        "orientations=8": "orientations=2",
    },
    "inspect_weights": {
        "image_ids = (0, 1, 2, 4)": "image_ids = (0,)",
        "for image_id in (1, 4)]": "for image_id in (4,)]",
    },
    "nucleus": {
        'val = nucleus.load_dataset(data, "val")': (
            'val = nucleus.load_dataset(data, "val").subset([0, 1])'
        ),
        "STEPS_PER_EPOCH = 20": "STEPS_PER_EPOCH = 1",
        "epochs=3": "epochs=2",
    },
    "own_data": {
        "STEPS_PER_EPOCH = 20": "STEPS_PER_EPOCH = 2",
        "VALIDATION_STEPS = 2": "VALIDATION_STEPS = 1",
        "epochs=3": "epochs=1",
    },
    "train_shapes": {
        "train.load_shapes(1000,": "train.load_shapes(100,",
        "val.load_shapes(50,": "val.load_shapes(6,",
        "STEPS_PER_EPOCH = 50": "STEPS_PER_EPOCH = 2",
        "VALIDATION_STEPS = 4": "VALIDATION_STEPS = 1",
        "epochs=4": "epochs=1",
    },
}

# A few steps take less time than compiling a graph for them. (tf.data warns that it compiles.) A
# network that has hardly learnt hits every limit, with a warning.
QUICK_START = (
    "import tensorflow, warnings; tensorflow.config.run_functions_eagerly(True); "
    "warnings.filterwarnings('ignore', 'Even though the'); "
    "import logging; logging.getLogger('mrcnn.inference.truncation').setLevel('ERROR')"
)


def source(name):
    """The notebook of a source file, without outputs.

    Args:
        name: name of a notebook, such as "demo".

    Returns:
        `nbformat.NotebookNode`. Cell ids are the cells' numbers, so they do not change when the
        notebook is made again.

    Raises:
        FileNotFoundError: the notebook does not exist.
    """
    if name not in NAMES:
        raise FileNotFoundError(f"no such notebook: {name!r}. Notebooks: {', '.join(NAMES)}.")
    notebook = jupytext.read(FOLDER / f"{name}.py")
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02}"
    return notebook


def execute(name, quick=False):
    """The notebook of a source file, run by a fresh kernel in the notebooks' folder.

    Args:
        name: name of a notebook.
        quick: whether to run it with fewer images and steps, as `QUICK` says.

    Returns:
        `nbformat.NotebookNode` with outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
        FileNotFoundError: the notebook does not exist.
        ValueError: the notebook lacks text that `QUICK` replaces.
    """
    notebook = source(name)
    # TensorFlow's log lines go to the terminal, not to the notebook.
    arguments = ["--IPKernelApp.capture_fd_output=False"]
    if quick:
        shorten(notebook, QUICK.get(name, {}))
        arguments.append(f"--IPKernelApp.exec_lines={QUICK_START}")
    client = _Client(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        extra_arguments=arguments,
        resources={"metadata": {"path": str(FOLDER)}},
        record_timing=False,
        coalesce_streams=True,
    )
    return client.execute()


class _Client(NotebookClient):
    async def async_start_new_kernel_client(self):
        client = await super().async_start_new_kernel_client()
        # Its heartbeat thread can wait forever for an answer from a kernel that has ended, and
        # jupyter_client waits for the thread.
        client.hb_channel.join = functools.partial(client.hb_channel.join, 10)
        return client


def shorten(notebook, replacements):
    """Replace text in the code of a notebook.

    Args:
        notebook: `nbformat.NotebookNode`, changed in place.
        replacements: dict of old to new text. Each old one must occur in exactly one cell.

    Raises:
        ValueError: it does not.
    """
    for old, new in replacements.items():
        cells = [cell for cell in notebook.cells if cell.cell_type == "code" and old in cell.source]
        if len(cells) != 1:
            raise ValueError(f"{len(cells)} cells have {old!r}: exactly one must.")
        cells[0].source = cells[0].source.replace(old, new)


def shrink_pictures(notebook):
    """Reduce the pictures of a notebook to 256 colours each: a quarter of the bytes.

    Args:
        notebook: `nbformat.NotebookNode` with outputs; modified in place.
    """
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "image/png" not in output.get("data", {}):
            continue
        small = io.BytesIO()
        with Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"]))) as picture:
            # This method keeps the colours of thin lines, which cover few pixels.
            few = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
        few.save(small, "png", optimize=True)
        output["data"]["image/png"] = base64.b64encode(small.getvalue()).decode()


def main(argv=None):
    """Run the command line; see the top of this file."""
    parser = argparse.ArgumentParser(description="Run notebooks and store their outputs.")
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], help="all if none is given")
    for name in parser.parse_args(argv).names or NAMES:
        begin = time.perf_counter()
        notebook = execute(name)
        shrink_pictures(notebook)
        with replacing(FOLDER / f"{name}.ipynb") as part:
            nbformat.write(notebook, part)
        print(f"{name}: {time.perf_counter() - begin:.0f} seconds")


if __name__ == "__main__":
    main()
