"""What a `Config` may hold: one module for each subject."""
