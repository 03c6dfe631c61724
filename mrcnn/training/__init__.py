"""Training: a run from its first stage to its last, on one device or many, and its records."""
