"""From the network's outputs to the fields of results, without Keras."""
