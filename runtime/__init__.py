"""Shared by all processes: settings, logging, tracing, files and connections to servers."""
