"""From the journal to the outbox: decode, review, route, render and store, and what people decide afterwards."""
