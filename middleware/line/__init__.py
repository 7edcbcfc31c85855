"""One configured analyzer interface: a transport, a link and a driver, kept over reconnects."""
