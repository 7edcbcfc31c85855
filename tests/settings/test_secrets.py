"""Secrets come by reference, and a settings text that holds one is refused."""

from __future__ import annotations

from pathlib import Path

from middleware.settings.build import build_setup
from middleware.settings.problems import errors_in
from tests.kit.site_settings import CONNECTORS, GOOD, Drivers, loaded, problems_of

DATABASE = GOOD.replace(
    'data_dir = "var"',
    'database = "postgresql+psycopg://labwire@db1/labwire"\ndatabase_password = { env = "PW" }',
)


def _with_file(path: Path, mode: int) -> tuple[str, Path]:
    secret = path / "ring.txt"
    secret.write_text("k-4711\n", encoding="utf-8")
    secret.chmod(mode)
    return GOOD.replace('loft = "north"', 'loft = "n"\nring = { file = "ring.txt" }'), (
        path / "labwire.toml"
    )


def test_a_secret_from_the_environment_goes_where_it_belongs() -> None:
    """The password reaches the database's URL, with every sign in it quoted."""
    setup = build_setup(loaded(DATABASE, {"PW": "a/b@c"}), Drivers(), CONNECTORS, 1)
    assert setup.node.database == "postgresql+psycopg://labwire:a%2Fb%40c@db1/labwire"
    assert "a/b@c" not in setup.source_text
    assert "a%2Fb" not in repr(setup)


def test_a_missing_variable_is_named_once_with_its_line() -> None:
    """Not twice, and not as a fault of the URL."""
    (problem,) = errors_in(problems_of(DATABASE, {}))
    assert problem.key == "node.database_password"
    assert problem.line == 5
    assert "no variable PW" in problem.message


def test_a_secret_written_into_the_text_is_refused() -> None:
    """Whoever may read the settings must not learn a password."""
    text = DATABASE.replace('{ env = "PW" }', '"sesame"')
    (problem,) = errors_in(problems_of(text))
    assert "does not stand in the settings text" in problem.message
    assert "sesame" not in str(problem)


def test_a_password_in_the_url_is_refused() -> None:
    """The URL is no hiding place."""
    text = DATABASE.replace("labwire@db1", "labwire:sesame@db1").replace(
        'database_password = { env = "PW" }\n', ""
    )
    (problem,) = errors_in(problems_of(text))
    assert problem.key == "node.database"
    assert "sesame" not in str(problem)


def test_a_secret_of_a_connector_comes_from_a_file_beside_the_settings(tmp_path: Path) -> None:
    """Relative to the settings file, without the line end an editor adds."""
    text, path = _with_file(tmp_path, 0o600)
    setup = build_setup(loaded(text, path=path), Drivers(), CONNECTORS, 1)
    ring = setup.connectors["lis"].settings.ring  # type: ignore[attr-defined]
    assert ring.get_secret_value() == "k-4711"


def test_a_secret_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    """A file open to all is no secret."""
    text, path = _with_file(tmp_path, 0o644)
    (problem,) = errors_in(problems_of(text, path=path))
    assert "everybody can read" in problem.message
    assert problem.suggestion.startswith("chmod 600")


def test_a_secret_whose_file_is_missing_is_named(tmp_path: Path) -> None:
    """The technician is told which file."""
    text, path = _with_file(tmp_path, 0o600)
    (tmp_path / "ring.txt").unlink()
    (problem,) = errors_in(problems_of(text, path=path))
    assert "ring.txt cannot be read" in problem.message
