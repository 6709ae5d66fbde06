"""`python -m secure_containers.local`."""

import sys

from secure_containers.local.cli import main

if __name__ == "__main__":
    sys.exit(main())
