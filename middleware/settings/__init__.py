"""A site's settings: TOML text to a checked Setup, with every mistake named by file, line and cure."""
