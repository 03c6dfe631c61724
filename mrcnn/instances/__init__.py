"""The instances of an image in numpy: masks, boxes, and what is computed from them."""
