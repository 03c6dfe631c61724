"""From a data set to batches, in threads or processes that never import Keras."""
