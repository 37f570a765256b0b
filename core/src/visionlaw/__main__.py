"""``python -m visionlaw``."""

from __future__ import annotations

from visionlaw.cli.main import main

if __name__ == "__main__":
    main()
