"""The code of the probing process: find the target, call it with small real tensors, check the results."""
