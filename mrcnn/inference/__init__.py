"""Images in, instances out."""
