"""A project's own Flower app: read what it declares, run it in its own interpreter, and watch its messages."""
