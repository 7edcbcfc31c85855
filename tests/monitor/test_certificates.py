"""The end of a certificate surprises nobody: it is a metric from the start, and a warning at 60, 30 and 7 days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from middleware.monitor.certificates import LOOK_EVERY_S, CertificateWatch, TlsUse, tls_uses
from middleware.observe import metrics
from middleware.observe.health import Health, Severity, WarnableCode
from middleware.transport.settings import TcpListenSettings
from middleware.transport.tls_settings import TlsSettings
from tests.kit.fake_clock import FakeClock
from tests.kit.made_setups import made_setup
from tests.kit.throwaway_ca import TlsWorld, Wanted, put

pytestmark = pytest.mark.slow  # keys are made and read


class Bench:
    """One line with the certificate of `days`, on a clock that starts today."""

    def __init__(self, world: TlsWorld, folder: Path, days: float) -> None:
        self.world = world
        self.clock = FakeClock(datetime.now(UTC))
        self.health = Health(self.clock)
        self.own = folder / "own.pem"
        self.key = folder / "own.key"
        self.write(days)
        files = {"certificate": self.own, "key": self.key, "peers": world.ca.file}
        use = TlsUse("chem-1", "", TlsSettings.model_validate(files), is_listening=True)
        self.watch = CertificateWatch([use], self.clock, self.health)
        self.watch.look()

    def write(self, days: float) -> None:
        made = self.world.ca.issue(Wanted("watched", days=days))
        put(made.certificate, self.own)
        put(made.key, self.key)
        self.not_after = made.not_after

    def later(self, days: float) -> None:
        self.clock.advance(timedelta(days=days).total_seconds() + LOOK_EVERY_S)
        self.watch.look()

    def raised(self) -> list[str]:
        return [warning.code.value for warning in self.health.current()]


def shown(role: str) -> float | None:
    labels = {"line": "chem-1", "connector": "", "role": role}
    return metrics.REGISTRY.get_sample_value("labwire_certificate_expiry_timestamp_seconds", labels)


def test_warnings_grow_as_the_end_comes_nearer(tls_world: TlsWorld, tmp_path: Path) -> None:
    """Low at 60 days, medium at 30, high at 7 and after the end: one at a time."""
    bench = Bench(tls_world, tmp_path, 100)
    assert bench.raised() == []
    steps = ((41, "expiring"), (30, "expires-soon"), (23, "at-its-end"), (10, "at-its-end"))
    for days, code in steps:
        bench.later(days)
        assert bench.raised() == [f"certificate-{code}"]
    (warning,) = bench.health.current()
    assert warning.severity is Severity.HIGH
    assert str(bench.own) in warning.text


def test_a_renewed_file_clears_the_warning_and_moves_the_metric(
    tls_world: TlsWorld, tmp_path: Path
) -> None:
    """Whoever wrote the new file sees within a minute that it counts."""
    bench = Bench(tls_world, tmp_path, 5)
    assert bench.raised() == ["certificate-at-its-end"]
    assert shown("own") == bench.not_after.timestamp()
    bench.write(200)
    bench.later(0)
    assert bench.raised() == []
    assert shown("own") == bench.not_after.timestamp()
    assert shown("peers") is not None


def test_a_file_that_cannot_be_used_is_told_while_the_old_one_works_on(
    tls_world: TlsWorld, tmp_path: Path
) -> None:
    """The renewal wrote half: nothing stands still, but at the next restart it would."""
    bench = Bench(tls_world, tmp_path, 200)
    put(tls_world.lis.key, bench.key)
    bench.later(0)
    assert bench.raised() == ["tls-files-bad"]
    assert bench.health.is_raised(WarnableCode.TLS_FILES_BAD, "chem-1")
    assert "does not belong" in bench.health.current()[0].text
    bench.write(200)
    bench.later(0)
    assert bench.raised() == []


def test_files_are_looked_at_once_a_minute(tls_world: TlsWorld, tmp_path: Path) -> None:
    """The node's watch asks each second; reading files that often would be waste."""
    bench = Bench(tls_world, tmp_path, 200)
    bench.write(3)
    bench.clock.advance(LOOK_EVERY_S - 1)
    bench.watch.look()
    assert bench.raised() == []
    bench.later(0)
    assert bench.raised() == ["certificate-at-its-end"]


def test_lines_without_tls_have_no_certificate_to_look_at() -> None:
    """Nothing is shown that is not there."""
    setup = made_setup(connectors=[])
    assert all(isinstance(one.transport, TcpListenSettings) for one in setup.lines.values())
    assert list(tls_uses(setup)) == []
