"""The peer for inference.py: torchvision's Mask R-CNN at the same size; prints a line of JSON.

    python benchmarks/torchvision_peer.py ROUNDS [--channels-last]   (needs torch and torchvision)

Random weights and no score threshold, as in inference.py: ResNet-50-FPN, 91 classes, 1000
proposals, and 100 detections whose masks are pasted into the image.
"""

import json
import resource
import sys
import time


def main(rounds, channels_last):
    import numpy as np
    import torch
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    model = maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, min_size=1024, max_size=1024, box_score_thresh=0.0
    ).eval()
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    image = np.random.default_rng(0).random((3, 1024, 1024), dtype=np.float32)
    seconds = []
    with torch.inference_mode():
        for _ in range(rounds + 1):
            begin = time.perf_counter()
            found = model([torch.from_numpy(image)])[0]
            masks = found["masks"] > 0.5
            seconds.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"found": len(masks), "seconds": seconds[1:], "peak": peak}))


if __name__ == "__main__":
    main(int(sys.argv[1]), "--channels-last" in sys.argv)
