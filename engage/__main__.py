"""``python -m engage``: the command line."""

from engage.cli import app

if __name__ == "__main__":
    app(prog_name="engage")
