"""Released results as outgoing text: pure functions from rows of the store to bytes."""
