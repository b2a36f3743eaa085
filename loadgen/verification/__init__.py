"""Comparison of journals with the database and every number of the reports."""
