"""Functions called only by projects written for matterport's Mask_RCNN."""
