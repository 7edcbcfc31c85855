"""Whole files as messages: the link of a folder into which one side writes and from which the other takes."""

from middleware.wire.whole.link import FileLink as FileLink
from middleware.wire.whole.link import FileReply as FileReply
from middleware.wire.whole.link import FileToWrite as FileToWrite
from middleware.wire.whole.link import FileVerdict as FileVerdict
from middleware.wire.whole.link import stored_before as stored_before
