"""`python -m secure_containers`: the same as the command `secure-containers`."""

import sys

from secure_containers.check.cli import main

if __name__ == "__main__":
    sys.exit(main())
