"""What every command has in common for the person who types it: options, and how data look."""
