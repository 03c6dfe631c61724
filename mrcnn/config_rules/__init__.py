"""Rules for the settings of a `Config`, one module per subject."""
