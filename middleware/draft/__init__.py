"""From a recording to the draft of a driver."""
