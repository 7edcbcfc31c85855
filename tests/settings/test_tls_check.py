"""`labwire check` finds what is wrong with TLS settings and their files before an analyzer does."""

from __future__ import annotations

from pathlib import Path

import pytest

from middleware.connectors.hl7_mllp import CONNECTOR
from middleware.settings.check import check
from middleware.settings.problems import Problem, Weight
from tests.kit.site_settings import GOOD, Drivers, loaded, problems_of
from tests.kit.throwaway_ca import Identity, TlsWorld, Wanted

pytestmark = pytest.mark.slow  # keys are made and read

LISTEN = 'transport = { type = "tcp_listen", port = 4010 }'


def listening(tls: str, host: str = "127.0.0.1") -> list[Problem]:
    """What is wrong when the line that listens has this `tls` table."""
    table = (
        f'transport = {{ type = "tcp_listen", host = "{host}", port = 4010, tls = {{ {tls} }} }}'
    )
    return problems_of(GOOD.replace(LISTEN, table))


def dialling(tls: str) -> list[Problem]:
    """The same of the line that dials."""
    return problems_of(GOOD.replace("port = 4000", f"port = 4000\ntls = {{ {tls} }}"))


def files(own: Identity, peers: Path) -> str:
    return f'certificate = "{own.certificate}", key = "{own.key}", peers = "{peers}"'


@pytest.fixture(scope="module")
def lasting(tls_world: TlsWorld) -> Identity:
    return tls_world.ca.issue(Wanted("lasting", days=400))


def test_good_files_are_taken_without_a_word(tls_world: TlsWorld, lasting: Identity) -> None:
    """Listening and dialling."""
    table = files(lasting, tls_world.ca.file)
    assert listening(table) == []
    assert dialling(table) == []
    assert dialling(f'peers = "{tls_world.ca.file}"') == []


def test_a_listener_that_proves_its_peers_is_no_open_door(
    tls_world: TlsWorld, lasting: Identity
) -> None:
    """The warning of open listeners is for those that anybody can use."""
    table = files(lasting, tls_world.ca.file)
    assert listening(table, host="10.1.2.1") == []
    encrypted_only = f'{table}, client_certificate = "not_asked"'
    (told,) = listening(encrypted_only, host="10.1.2.1")
    assert "can send results" in told.message


def test_contradictions_are_errors(tls_world: TlsWorld, lasting: Identity) -> None:
    """What can never work stops the start, with the cure beside it."""
    own = f'certificate = "{lasting.certificate}", key = "{lasting.key}"'
    pin = f'pins = ["{lasting.pin}"]'
    for problems, words in (
        (listening(f'peers = "{tls_world.ca.file}"'), "needs a certificate"),
        (listening(own), "which certificates of peers are trusted"),
        (dialling(own), "which certificates of peers are trusted"),
        (listening(f'{own}, client_certificate = "not_asked", {pin}'), "pins cannot be compared"),
        (
            listening(f'{own}, client_certificate = "not_asked", peer_name = "a"'),
            "peer_name cannot",
        ),
    ):
        (problem,) = problems
        assert words in problem.message
        assert problem.weight is Weight.ERROR
        assert problem.suggestion


def test_a_file_that_is_not_there_is_an_error_on_its_line(lasting: Identity) -> None:
    """Most often a name that was mistyped; relative names are looked up beside the settings file."""
    (problem,) = dialling('peers = "certs/hospital.pem"')
    assert problem.key == "line.transport.tls.peers"
    assert problem.weight is Weight.ERROR
    assert str(Path("lab/certs/hospital.pem").absolute()) in problem.message


def test_files_that_do_not_fit_are_warnings(tls_world: TlsWorld, lasting: Identity) -> None:
    """A renewal that went wrong must not keep the whole node from starting; its own line stands still."""
    swapped = f'certificate = "{lasting.certificate}", key = "{tls_world.lis.key}"'
    (problem,) = listening(f'{swapped}, peers = "{tls_world.ca.file}"')
    assert problem.weight is Weight.WARNING
    assert "does not belong to the certificate" in problem.message


def test_a_key_that_everybody_can_read_is_told(tls_world: TlsWorld) -> None:
    """The private key is what proves us."""
    open_key = tls_world.ca.issue(Wanted("open", days=400))
    open_key.key.chmod(0o644)
    (problem,) = listening(files(open_key, tls_world.ca.file))
    assert "every user of this machine can read" in problem.message
    assert problem.weight is Weight.WARNING
    assert "chmod" in problem.suggestion


@pytest.mark.parametrize(
    ("days", "words"), [(-1, "expired on"), (5.5, "in 5 days"), (59.5, "in 59 days"), (61, "")]
)
def test_the_end_of_a_certificate_is_told_sixty_days_before(
    tls_world: TlsWorld, days: float, words: str
) -> None:
    """Time enough to ask the hospital's authority for a new one."""
    ending = tls_world.ca.issue(Wanted("ending", days=days))
    told = [problem.message for problem in listening(files(ending, tls_world.ca.file))]
    assert len(told) == bool(words)
    assert all(words in message for message in told)


def test_an_authority_that_ended_is_told_only_when_it_was_the_last(
    tls_world: TlsWorld, lasting: Identity, tmp_path: Path
) -> None:
    """The old authority stays in the file beside its successor."""
    bundle = tmp_path / "peers.pem"
    bundle.write_bytes(tls_world.expired.certificate.read_bytes() + tls_world.ca.file.read_bytes())
    assert listening(files(lasting, bundle)) == []
    bundle.write_bytes(tls_world.expired.certificate.read_bytes())
    (problem,) = listening(files(lasting, bundle))
    assert problem.key == "line.transport.tls.peers"


def test_a_connector_is_looked_at_as_well(tls_world: TlsWorld) -> None:
    """HL7 to the LIS over TLS has the same table."""
    text = GOOD.replace(
        'type = "mail_pigeon"\nloft = "north"',
        'type = "hl7_mllp"\nhost = "lis.example"\nport = 2576\ntls = { peers = "nowhere.pem" }',
    )
    (problem,) = check(loaded(text), Drivers(), {"hl7_mllp": CONNECTOR})
    assert problem.key == "connector.tls.peers"
    assert "there is no file" in problem.message
