"""Plays what an analyzer sends into a driver's link, commits each message, and decodes it; no socket, no store."""

from __future__ import annotations

from middleware.driver.cases import Played, play, play_file, read_session

__all__ = ["Played", "play", "play_file", "read_session"]
