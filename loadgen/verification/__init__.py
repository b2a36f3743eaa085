"""What was sent against what is stored and shown, to the last number of each report."""
