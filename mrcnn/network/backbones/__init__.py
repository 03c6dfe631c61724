"""Backbones: from an image to feature maps of strides 4 to 32."""
