"""Telemetry: typed events set metrics and write the log together; health says what a person should
do.
"""
