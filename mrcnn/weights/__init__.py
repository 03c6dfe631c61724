"""Weight files: read, written, reported on, downloaded and started from."""
