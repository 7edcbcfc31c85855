"""`python -m middleware.cli` is the command `labwire`."""

from __future__ import annotations

from middleware.cli.main import main

if __name__ == "__main__":
    main()
