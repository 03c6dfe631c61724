"""Detection in many images: in a folder, in several processes, on a cluster."""
