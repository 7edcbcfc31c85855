"""Takes people out of captures: the same session, of nobody."""
