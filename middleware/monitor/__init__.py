"""For machines: the node lock, metrics and health over HTTP, and the control socket. Works without the console."""
