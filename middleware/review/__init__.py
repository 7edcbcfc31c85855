"""Review: what each result's checks find, and whether it may go to the LIS. Pure decisions, no I/O."""
