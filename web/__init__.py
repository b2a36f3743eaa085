"""Shared by the HTTP services and metrics ports: server, middleware, authentication, errors."""
