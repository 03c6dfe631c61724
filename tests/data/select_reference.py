"""Choose the reference values that are small enough for git: select_reference.py PARITY_FOLDER

Reads the three full archives and writes `reference_{units,small,train}.npz` beside this file.
One inference image is kept, and the part of the training archive that the tests read. Tests that
need more read the full archives where these are available.
"""

import sys
from pathlib import Path

import numpy as np

DROPPED = {
    "units": (),
    "small": ("img0.", "img2.", "anchors_px_stats", "anchors_norm_stats"),
    "train": ("step_all.after2.bn5a_branch2a", "ds0.image", "ds2.image"),
}


def main(folder):
    for part, dropped in DROPPED.items():
        with np.load(Path(folder) / f"parity_{part}.npz", allow_pickle=False) as full:
            kept = {key: full[key] for key in full.files if not key.startswith(dropped or ("\0",))}
        path = Path(__file__).parent / f"reference_{part}.npz"
        np.savez_compressed(path, **kept)
        print(path.name, len(kept), "arrays", path.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
