"""Quality control: control values, rules, gates and statistics over patients' results. Pure decisions, no I/O."""
