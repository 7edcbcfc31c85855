"""The store: SQL as synchronous functions of a connection, one writer with group commit, and
readers.
"""
