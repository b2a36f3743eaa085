"""What is well above or below the usual."""
