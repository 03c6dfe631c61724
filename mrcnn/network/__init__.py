"""The network, one stage a module; `mrcnn.network.graph` wires them as the paper's figure 1."""
