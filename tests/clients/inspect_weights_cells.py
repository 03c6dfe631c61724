"""The steps of the reference's notebook on weights, in cells of our own."""

# %%
import matplotlib.pyplot as plt
import numpy as np
from tiny import TinyConfig

import mrcnn.model as modellib
from mrcnn import visualize

# %%
config = TinyConfig()
model = modellib.MaskRCNN(mode="inference", model_dir="logs", config=config)
model.keras_model.save_weights("weights.h5")
model.load_weights("weights.h5", by_name=True)

# %% statistics of each layer
visualize.display_weight_stats(model)

# %% histograms
LAYER_TYPES = ["Conv2D"]
layers = [
    layer for layer in model.get_trainable_layers() if layer.__class__.__name__ in LAYER_TYPES
]
assert {"conv1", "rpn_conv_shared", "mrcnn_mask"} <= {layer.name for layer in layers}
fig, ax = plt.subplots(
    len(layers), 2, figsize=(10, 3 * len(layers)), gridspec_kw={"hspace": 1}, squeeze=False
)
for index, layer in enumerate(layers):
    for w_index, weight in enumerate(layer.weights):
        tensor = layer.get_weights()[w_index]
        ax[index, w_index].set_title(f"{layer.name}/{weight.name}")
        counts, _, _ = ax[index, w_index].hist(tensor.flatten(), 50)
        assert counts.sum() == tensor.size
plt.close(fig)

# %% what notebooks ask of the Keras model
assert model.keras_model.get_layer("conv1").name == "conv1"
assert len(model.keras_model.layers) > 50
names = [weight.name for layer in layers for weight in layer.weights]
assert set(names) == {"kernel", "bias"}
assert model.find_trainable_layer(layers[0]) is layers[0]
dead = [np.count_nonzero(np.ptp(layer.get_weights()[0], axis=(0, 1, 2)) == 0) for layer in layers]
assert sum(dead) == 0
model.keras_model.summary(print_fn=lambda *_, **__: None)
