"""What the catalogue holds: enough analyzers of every kind, each honest about what is known of it."""

from __future__ import annotations

import json
import tomllib

from middleware.driver.catalogue import load_catalogue
from tests.kit.driver_cases import ANALYZERS, case_folders, driver_of

CATALOGUE = load_catalogue()
MODELS = sorted(
    path.parent.name
    for path in ANALYZERS.glob("*/driver.toml")
    if not path.parent.name.startswith("generic_")
)
KINDS = {
    "chemistry": ["beckman_au480", "roche_cobas_c311", "thermo_gallery", "mindray_bs"],
    "immunoassay": ["siemens_advia_centaur", "beckman_access_2", "ortho_vitros_3600"],
    "haematology": ["sysmex_xn", "mindray_bc", "horiba_yumizen_h500", "beckman_dxh"],
    "coagulation": ["sysmex_cs", "stago_sta", "werfen_acl_top"],
    "urinalysis": ["roche_urisys_1100", "siemens_clinitek_status", "sysmex_uf"],
    "blood gas": ["siemens_rapidlab_348", "radiometer_abl", "werfen_gem_premier"],
    "HbA1c": ["biorad_d10", "tosoh_g8", "abbott_afinion_2", "siemens_dca_vantage"],
    "molecular": ["cepheid_genexpert", "roche_cobas_5800", "abbott_m2000", "hologic_panther"],
    "blood bank": ["ortho_vision", "biorad_ih_com", "beckman_pk7300"],
    "microbiology": ["biomerieux_vitek_2", "bd_phoenix", "bd_bactec"],
    "point of care": ["roche_accu_chek_inform_ii", "nova_statstrip", "abbott_pima"],
}
MOLECULAR_BY_RUNS = (
    "abbott_alinity_m",
    "abbott_m2000",
    "hologic_panther",
    "roche_cobas_4800",
    "roche_cobas_5800",
    "roche_taqman_96",
    "roche_taqman_rsf",
    "thermo_quantstudio_3",
)


def test_forty_analyzers_of_twelve_makers_in_every_kind() -> None:
    """The kinds of a laboratory, none forgotten."""
    assert len(MODELS) >= 42
    assert len({name.split("_")[0] for name in MODELS}) >= 12
    for kind, drivers in KINDS.items():
        assert set(drivers) <= set(MODELS), kind


def test_a_driver_is_short_and_needs_no_code() -> None:
    """Under sixty lines on average, and fewer than one in five with a hook."""
    lines = [
        len((ANALYZERS / name / "driver.toml").read_text(encoding="utf-8").splitlines())
        for name in MODELS
    ]
    assert sum(lines) / len(lines) < 60
    hooks = [name for name in MODELS if CATALOGUE.driver(name).profile.hook.decoded is not None]
    assert len(hooks) * 5 < len(MODELS)


def test_cultures_and_runs_that_are_not_proven_whole_are_not_for_reporting() -> None:
    """A susceptibility without its organism, a viral load of a run whose controls failed."""
    for name in (*KINDS["microbiology"], *MOLECULAR_BY_RUNS):
        assert not CATALOGUE.driver(name).profile.driver.reporting, name
        assert "Not for reporting" in (ANALYZERS / name / "README.md").read_text(encoding="utf-8")


def test_each_driver_says_from_what_it_was_written() -> None:
    """Nobody takes a draft for a driver that has been compared with its analyzer."""
    for name in MODELS:
        text = (ANALYZERS / name / "README.md").read_text(encoding="utf-8")
        manual = tomllib.loads((ANALYZERS / name / "driver.toml").read_text(encoding="utf-8"))
        assert "Source:" in text or "Drafted:" in text, name
        is_drafted = manual["driver"]["tier"] == "drafted"
        assert is_drafted is ("drafted" in manual["driver"]["manual"] or "Drafted:" in text) or (
            name == "biomerieux_vitek_2"
        ), name


def test_every_driver_that_reads_results_has_a_case_with_one() -> None:
    """A draft too: it shows what is expected of the analyzer."""
    with_results = {
        driver_of(case)
        for case in case_folders()
        if '"results"' in (case / "expected.json").read_text(encoding="utf-8")
    }
    reading = {one for one in MODELS if "results" in CATALOGUE.driver(one).profile.driver.roles}
    assert reading <= with_results


def test_no_case_holds_a_refused_frame() -> None:
    """Cases are what an analyzer sends when all is well with the line."""
    for case in case_folders():
        expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
        if not driver_of(case).startswith("generic_"):
            assert expected["refused_frames"] == 0, case
