"""Whether every record is accounted for, and what is wrong."""
