"""Calculated tests: declared formulas over released results. Pure decisions, no I/O."""
