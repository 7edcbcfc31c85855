"""Stand-ins for analyzers and for the LIS on a test bench, on the same wire core in the other role."""
