"""LIS01-A2 (ASTM E1381) low-level protocol, both roles."""

from middleware.wire.lis1.frame import checksum as checksum
from middleware.wire.lis1.frame import encode_frame as encode_frame
from middleware.wire.lis1.frame import encode_message as encode_message
from middleware.wire.lis1.link import Lis1Link as Lis1Link
from middleware.wire.lis1.options import Lis1Options as Lis1Options
from middleware.wire.lis1.options import Packaging as Packaging
from middleware.wire.lis1.options import Role as Role
from middleware.wire.lis1.quirks import QUIRKS as QUIRKS
from middleware.wire.lis1.quirks import Quirk as Quirk
