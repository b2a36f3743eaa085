"""``python -m ingest_service``: accept events over HTTP until SIGTERM."""

import sys

from ingest_service.app import create_app
from ingest_service.settings import IngestSettings
from web.service import main

if __name__ == "__main__":
    sys.exit(main("ingest", IngestSettings, create_app))
