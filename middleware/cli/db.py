"""`labwire db init|upgrade|verify|backup|restore`: the store as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    AuthorOption,
    ConfigOption,
    JsonOption,
    Status,
    author_or_login,
)
from middleware.cli.site import Site, open_site
from middleware.clock import SystemClock
from middleware.monitor.lock import NodeLock
from middleware.store import meta
from middleware.store.backup import backup, restore
from middleware.store.engine import admit_one_writer, open_engine, upgrade
from middleware.store.verify import verify

app = typer.Typer(help="The store as a whole.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup file.")]


@app.command("init")
def init_store(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """Make the data folder and an empty store in it. Harmless where there is one."""
    site = open_site(config)
    _make_folder(site)
    with NodeLock(site.node.data_dir):
        _upgrade(site)
        now = SystemClock().utc_now().timestamp()
        identity = site.write(lambda conn: meta.identify(conn, site.node.environment.value, now))
    _tell(
        "store",
        {"store_id": identity.store_id, "environment": identity.environment},
        f"The store {identity.store_id} ({identity.environment}) is ready in {site.node.data_dir}.",
        as_json=as_json,
    )


@app.command("upgrade")
def upgrade_store(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """Bring the store's schema to this version; `labwire run` does it at start."""
    site = open_site(config)
    with NodeLock(site.node.data_dir):
        _upgrade(site)
    _tell("upgraded", {"is_current": True}, "The store's schema is current.", as_json=as_json)


@app.command("verify")
def verify_store(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """Check the whole store: file, audit trail, kept messages, counters, order. May run beside the node."""
    site = open_site(config)
    with show.progress() as tell:
        report = site.read(lambda conn: verify(conn, tell))
    if as_json:
        items = [{"problem": problem} for problem in report.problems]
        show.document("verified", items, facts=dict(report.facts))
    else:
        for problem in report.problems:
            show.say(problem, "red")
        held = ", ".join(f"{number} {what}" for what, number in report.facts.items())
        verdict = f"{len(report.problems)} problem(s)" if report.problems else "Whole"
        show.say(f"{verdict}: {held}.", "red" if report.problems else "green")
    if report.problems:
        raise typer.Exit(Status.WRONG)


@app.command("backup")
def backup_store(
    target: FileArgument, config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False
) -> None:
    """Write a checked copy of the store to a new file. May run beside the node."""
    site = open_site(config)
    site.read(meta.identity)  # says what to do where there is no store
    with show.progress() as tell:
        report = backup(site.url, target, tell)
    item = {"path": str(target), "size_bytes": report.size_bytes, **report.checked.facts}
    held = ", ".join(f"{number} {what}" for what, number in report.checked.facts.items())
    said = f"Wrote {target} ({report.size_bytes / 1024**2:.1f} MiB), checked: {held}."
    _tell("backup", item, said, as_json=as_json)


@app.command("restore")
def restore_store(
    source: FileArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    author: AuthorOption = None,
) -> None:
    """Make the store from a backup, with a new store id; refuses where a store exists."""
    site = open_site(config)
    _make_folder(site)
    now = SystemClock().utc_now().timestamp()
    with NodeLock(site.node.data_dir), show.progress() as tell:
        report = restore(source, site.url, author_or_login(author), now, tell)
    item = {
        "store_id": report.identity.store_id,
        "old_store_id": report.old_store_id,
        "environment": report.identity.environment,
        **report.checked.facts,
    }
    said = f"Restored as store {report.identity.store_id} (was {report.old_store_id})."
    _tell("restored", item, said, as_json=as_json)
    if report.identity.environment != site.node.environment.value:
        show.tell_warning(
            f"The backup is of a {report.identity.environment} node; these settings say "
            f"{site.node.environment.value}: the node will refuse to start with it."
        )


def _make_folder(site: Site) -> None:
    site.node.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)


def _upgrade(site: Site) -> None:
    engine = open_engine(site.url)
    admit_one_writer(engine)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


def _tell(kind: str, item: dict[str, Any], said: str, *, as_json: bool) -> None:
    if as_json:
        show.document(kind, [item])
    else:
        show.say(said)
