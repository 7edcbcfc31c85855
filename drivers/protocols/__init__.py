"""Protocol drivers: each reads every profile that names it."""
