"""How good detections are: figures of one image, or collected image by image."""
