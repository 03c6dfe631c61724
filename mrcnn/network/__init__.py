"""The network, one part a module; `mrcnn.network.graph` wires them as the paper's figure 1."""

from .graph import build, build_inference, build_training

__all__ = ["build", "build_inference", "build_training"]
