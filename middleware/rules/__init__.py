"""Rules: autoverification as data, with the proof that it does what it says. Pure decisions, no I/O."""
