"""`python -m zk0` is `zk0`."""

import sys

from zk0.cli import main

if __name__ == "__main__":
    sys.exit(main())
