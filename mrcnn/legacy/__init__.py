"""Functions that only projects written for matterport's Mask_RCNN call."""
