"""What a driver is: its interface, its profile, and the rules by which a profile reads messages."""
