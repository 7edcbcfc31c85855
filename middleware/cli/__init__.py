"""The command `labwire`: one module per verb."""
