"""The network, one module per part; `mrcnn.network.graph` wires them as in Mask R-CNN, figure 1."""

from .graph import build, build_inference, build_training

__all__ = ["build", "build_inference", "build_training"]
