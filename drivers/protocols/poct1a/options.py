"""What a profile's `[protocol]` and a line's `link` table may say of the conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from middleware.driver.api import LinkContext
from middleware.driver.profile import LinkSection, Profile, describe_mistakes
from middleware.driver.rules import Section
from middleware.errors import DriverError
from middleware.wire.poct1a import Poct1aOptions
from middleware.wire.poct1a.quirks import QUIRKS

Model = TypeVar("Model", bound=Section)


class ConversationChoices(Section):
    """What our end asks for."""

    continuous: bool | None = Field(
        default=None,
        description="Stay in conversation (START_CONTINUOUS) instead of ending it.",
        examples=[True],
    )
    events: bool | None = Field(
        default=None,
        description="Ask for the analyzer's events as well; they are kept as status.",
        examples=[True],
    )
    set_time: bool | None = Field(
        default=None,
        description="Set the analyzer's clock once in each conversation (SET_TIME).",
        examples=[True],
    )
    acknowledgement_s: float | None = Field(
        default=None,
        gt=0,
        le=120,
        description="How long our messages wait for their ACK (10).",
        examples=[20],
    )


class LineChoices(LinkSection, ConversationChoices):
    """The `link` table of a line: the link's keys and the conversation's."""


def conversation_of(profile: Profile) -> ConversationChoices:
    """The `[protocol]` table of a profile; DriverError for a mistake."""
    return _validated(ConversationChoices, profile.protocol, "[protocol]")


def line_choices(options: Mapping[str, object]) -> LineChoices:
    """The `link` table of a line; DriverError for a mistake."""
    return _validated(LineChoices, options, "link options")


def link_options(profile: Profile, line: LineChoices, context: LinkContext) -> Poct1aOptions:
    """The profile's choices, the line's in place of them; quirks of both."""
    merged: dict[str, Any] = {
        **profile.link.model_dump(exclude_none=True),
        **conversation_of(profile).model_dump(exclude_none=True),
        **line.model_dump(exclude_none=True),
    }
    quirks = frozenset(profile.link.quirks) | frozenset(line.quirks)
    foreign = sorted(quirks - QUIRKS.keys())
    if foreign:
        raise DriverError(
            f"{', '.join(foreign)}: no tolerance of POCT1-A",
            what_to_do=f"Known here: {', '.join(sorted(QUIRKS))}.",
        )
    names = {"continuous": "is_continuous", "events": "asks_events", "set_time": "sets_time"}
    chosen = {names.get(key, key): value for key, value in merged.items() if key != "quirks"}
    return Poct1aOptions(quirks=quirks, moment=_moment_of(context), **chosen)


def _moment_of(context: LinkContext) -> Callable[[], str]:
    utc_now = context.utc_now
    if utc_now is None:
        return lambda: ""
    zone = ZoneInfo(context.time_zone)
    return lambda: utc_now().astimezone(zone).isoformat(timespec="seconds")


def _validated(model: type[Model], table: Mapping[str, object], where: str) -> Model:
    try:
        return model.model_validate(dict(table))
    except ValidationError as error:
        raise DriverError(
            f"{where}: {'; '.join(describe_mistakes(error, model))}",
            what_to_do="Known keys are listed in drivers/protocols/poct1a/README.md.",
        ) from error
