"""Box geometry and resampling in numpy."""
