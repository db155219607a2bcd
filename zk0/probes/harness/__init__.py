"""The code of the probing process: find the target, call it with small real tensors, check the results.

It runs in the target's interpreter, which may be older than zk0's and lack zk0's packages: Python 3.9, the standard
library and NumPy are all it needs, with PyTorch and Flower where the target has them. So its modules import each other
relatively (it runs under a name of its own, see `__main__`) and nothing else of zk0.
"""
