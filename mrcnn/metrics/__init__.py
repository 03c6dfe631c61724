"""Detection metrics, for one image or accumulated image by image."""
