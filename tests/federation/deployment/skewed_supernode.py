"""zk0's SuperNode on a machine whose clock is an hour ahead."""

from datetime import timedelta

from flwr.supernode import node_auth_http_interceptor

from zk0.federation.deployment import supernode

now = node_auth_http_interceptor.now
node_auth_http_interceptor.now = lambda: now() + timedelta(hours=1)
supernode.main()
