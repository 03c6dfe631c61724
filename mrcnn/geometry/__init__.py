"""Boxes and resampling in numpy."""
