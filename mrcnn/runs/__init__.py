"""A training run on disk: its folder, history, record and state."""
