"""``python -m analytics_api``: answer reports until SIGTERM."""

import sys

from analytics_api.app import create_app
from analytics_api.settings import ApiSettings
from web.service import main

if __name__ == "__main__":
    sys.exit(main("api", ApiSettings, create_app))
