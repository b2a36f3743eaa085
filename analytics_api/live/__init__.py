"""What happens at this moment, told to whoever looks."""
