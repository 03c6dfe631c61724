"""Time of grouped convolutions of ResNeXt-50's shapes, forward and in a training step.

    python benchmarks/grouped.py [--rounds 5]

`GroupedConv2D`, Keras's own grouped convolution and a plain one with as many FLOPs, on the backend
of KERAS_BACKEND.
"""

import argparse

from machine import describe, timed

# (side, channels) of the 3x3 convolutions of ResNeXt-50 32x4d at 512 pixels, and the groups.
SHAPES = ((128, 128), (64, 256), (32, 512), (16, 1024))
GROUPS = 32


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(describe())
    grouped(options.rounds)


def grouped(rounds):
    """Print the times of grouped convolutions and of plain ones with as many FLOPs."""
    import keras

    from mrcnn.network.backbones.grouped import GroupedConv2D

    print(f"backend {keras.backend.backend()}; milliseconds, the fastest of {rounds}")
    print("| side, channels | convolution | forward | forward and gradient |")
    print("|---|---|---|---|")
    for side, channels in SHAPES:
        plain = round(channels / GROUPS**0.5)
        layers = {
            "GroupedConv2D": (GroupedConv2D(channels, 3, padding="same", groups=GROUPS), channels),
            "Keras, groups": (
                keras.layers.Conv2D(channels, 3, padding="same", groups=GROUPS),
                channels,
            ),
            f"plain, {plain} channels": (keras.layers.Conv2D(plain, 3, padding="same"), plain),
        }
        for name, (layer, width) in layers.items():
            layer.build((1, side, side, width))
            times = steps(layer, keras.random.normal((1, side, side, width), seed=0), rounds)
            print(f"| {side}, {channels} | {name} | {times[0]:.1f} | {times[1]:.1f} |", flush=True)


def steps(layer, image, rounds):
    """Milliseconds of a layer's forward pass, and of one with the gradients."""
    import keras

    kernel = layer.kernel.value
    if keras.backend.backend() == "jax":
        import jax

        def call(image, kernel):
            return layer.stateless_call([kernel, layer.bias.value], [], image)[0]

        def loss(image, kernel):
            return (call(image, kernel) ** 2).sum()

        functions = [jax.jit(call), jax.jit(jax.grad(loss, (0, 1)))]
    else:
        import tensorflow as tf

        @tf.function
        def call(image, kernel):
            return layer(image)

        @tf.function
        def gradient(image, kernel):
            with tf.GradientTape() as tape:
                tape.watch(image)
                value = tf.reduce_sum(layer(image) ** 2)
            return tape.gradient(value, [image, layer.kernel.value])

        functions = [call, gradient]

    def run(function):
        result = function(image, kernel)
        for value in result if isinstance(result, list | tuple) else [result]:
            keras.ops.convert_to_numpy(value)

    found = []
    for function in functions:
        run(function)
        found.append(1000 * min(timed(lambda f=function: run(f)) for _ in range(rounds)))
    return found


if __name__ == "__main__":
    main()
