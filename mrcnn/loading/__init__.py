"""From a dataset to batches, in threads or in processes that never import Keras."""
