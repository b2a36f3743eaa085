"""The commands of ``engage``: a module for each, or for each family, named after it."""
