"""What headings of exported tables mean, in the languages that instrument software writes them in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from middleware.draft.sheet import Sheet

_FLAGS = re.IGNORECASE

NAMES: Mapping[str, tuple[str, ...]] = {
    # In the order in which they are believed.
    "sample_id": (
        r"(sample|specimen)[ _/-]*(ctrl)?[ _/-]*(id|barcode)( no\.?)?",
        r"sample(/ctrl)? id.*no\.?|accession.*|barcode|bar code|tube id",
        r"sample|specimen|sample (no|nr|number|code)\.?|specimen (no|nr|number)\.?",
        r"sample[ _]*name|proben?[ -_]?(nr|id|nummer|name)?\.?|échantillon.*|echantillon.*|muestra.*",
        r"patient[ _-]*(no|nr|number|id)\.?|patient",
    ),
    "instrument_sample_id": (r"sequence (no|number)\.?|run (no|number)\.?|order number|test id",),
    "carrier": (r"rack( (no|id))?\.?",),
    "position": (r"(well|tube|cup|sample)?[ _]*pos(ition|\.)?|well",),
    "specimen_type": (r"(specimen|material)[ _]*(type)?|sample material",),
    "patient_id": (r"patient[ _-]*(no|nr|number|id)\.?",),
    "patient_name": (r"patient[ _-]*name|name of patient|patientenname",),
    "birth_date": (r"(date of )?birth([ _]*(date|day))?|dob|geburtsdatum",),
    "sex": (r"sex|gender|geschlecht",),
    "role": (r"(sample|specimen)[ _]*(type|category|class)|task|pat/ctr.*|role|type",),
    "test": (
        r"test[ _]*(name|code)?|target([ _]*name)?|analyte|parameter|param\.?|analyse|examen|prueba",
        r"assay([ _]*(name|code))?|method",
    ),
    "value": (
        r"results?|values?|ergebnis|messwert|r[eé]sultat|valeur|resultado|valor",
        r"concentration|conc\.?|quantity|mean",
        r"c[tq]|cq value|od.*|abs(orbance)?",
    ),
    "unit": (r"(result |conc\.? )?units?|einheit|unit[eé]|unidad(es)?",),
    "reference_range": (r"ref(erence|\.)?[ _]*range|normal range|referenzbereich",),
    "flags": (r"flags?|abnormal( flag)?|result flag",),
    "status": (r"(result )?status",),
    "operator": (r"operator|user|technician|bediener|op[eé]rateur",),
    "module": (
        r"(instrument |cytometer )?serial( (no|number))?\.?|instr(ument)?( id)?|device( id)?",
    ),
    "analyzer": (r"instrument (id|name)|device id|cytometer|analy[sz]er( name)?",),
    "comments": (r".*(comment|remark|bemerkung).*",),
    "alarms": (r"errors?( ?(code|message)s?)?|.*error codes?|notes?|alarms?|warnings?",),
}


def named(sheet: Sheet, meaning: str) -> list[str]:
    """The columns whose headings mean this, the most telling first."""
    found: list[str] = []
    for pattern in NAMES[meaning]:
        compiled = re.compile(pattern, _FLAGS)
        for name in sheet.names:
            plain = re.sub(r"\[\d+\]$", "", name).strip()
            if name and name not in found and compiled.fullmatch(plain):
                found.append(name)
    return found
