"""zk0: federated robot learning as workflows that run, judge themselves and remember."""

__version__ = "0.1.0"
