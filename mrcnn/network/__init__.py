"""The network, one part a module; `mrcnn.network.graph` wires them as the paper's figure 1."""
