"""What runs inside the probing process: find the code, call it with small real tensors, judge what it does."""
