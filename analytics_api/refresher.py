"""``python -m analytics_api.refresher``: the same process as ``python -m refresher``."""

import sys

from refresher.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
