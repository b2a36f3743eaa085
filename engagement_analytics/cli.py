"""The console script ``engage``."""

from engagement_analytics import add_packages_to_path


def main() -> None:
    """Run the command line."""
    add_packages_to_path()
    from engage.cli import app  # noqa: PLC0415

    app(prog_name="engage")
