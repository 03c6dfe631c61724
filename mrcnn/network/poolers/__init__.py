"""RoI poolers: the features of each RoI, from the pyramid."""
