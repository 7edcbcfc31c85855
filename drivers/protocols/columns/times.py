"""Reads when a row was measured, also where a time is written with names of months or words of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from drivers.protocols.columns.row import Row
from middleware.driver.mapping import Locate, text_reader
from middleware.driver.rules import TimeRule
from middleware.driver.times import read_time
from middleware.model import MeasuredTime


class TimeReader:
    """I read one time of a row; words of the profile are replaced before, and the text stays as sent."""

    def __init__(
        self, rule: TimeRule | None, locate: Locate[Row], words: Mapping[str, str]
    ) -> None:
        self._text = text_reader(rule, locate)
        self._format = rule.format if rule is not None else ""
        self._words = words
        longest_first = sorted(words, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if words else None

    def read(self, row: Row, time_zone: str) -> MeasuredTime:
        """The time; marked where there is none or nothing can read it."""
        sent = self._text(row)
        if self._pattern is None:
            return read_time(sent, time_zone, self._format)
        plain = self._pattern.sub(lambda found: self._words[found[0]], sent)
        read = read_time(plain, time_zone, self._format)
        return read if plain == sent else read.model_copy(update={"text": sent})
