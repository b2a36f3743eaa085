"""The read API: reports from PostgreSQL over HTTP, on connections that cannot write.

``reports`` declares them, ``report_routes`` serves them, ``cache`` stores their responses.
"""
