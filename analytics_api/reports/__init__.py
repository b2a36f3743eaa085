"""The reports. Each family has its public JSON (``models``), what is asked of the database
(``reports``), its URLs (``routes``), and the arithmetic in between.
"""
