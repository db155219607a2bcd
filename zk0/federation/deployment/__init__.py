"""A federation on Flower's Deployment Runtime: one SuperLink, one SuperNode a client, TLS and node keys.

Flower 1.42 serves all its interfaces on one HTTPS port of the SuperLink. `zk0.federation.engines.deployment` runs a
whole federation on this machine's loopback; `zk0 deploy` keeps one running, also across machines.
"""
