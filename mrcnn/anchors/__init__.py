"""Anchors: where they lie, how well they cover the objects of a data set, and the RPN's targets."""
