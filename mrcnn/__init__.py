"""Mask R-CNN for Keras 3: instance segmentation in the manner of the matterport reference.

Importing the package loads nothing heavy; `mrcnn.model` brings Keras and its backend.
"""

__version__ = "3.0.0"
