"""Data sets: their base class, how they are read, checked, described, split and exported."""
