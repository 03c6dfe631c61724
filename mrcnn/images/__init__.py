"""Image files, pixel values, and how an image comes to the network's input size."""
