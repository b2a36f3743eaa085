"""``python -m engagement_analytics MODULE``: the wheel's form of ``python -m MODULE``."""

import runpy
import sys

from engagement_analytics import add_packages_to_path

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python -m engagement_analytics MODULE, for example consumer")
    del sys.argv[0]
    add_packages_to_path()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
