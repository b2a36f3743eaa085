"""What authors would earn at their category's median, and what goes along with their distance."""
