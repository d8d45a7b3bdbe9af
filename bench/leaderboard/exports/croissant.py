"""Croissant 1.0 of a suite's cases: the objects and prompts of suite.json as a data set that machines can load.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html; mlcroissant validates and reads it in tests. What cases
hold beside their prompts (meshes, photographs) is their author's to publish, with a licence: neither is claimed here.
"""

from __future__ import annotations

import json
from typing import Any

from bench.leaderboard.entry import Entry
from bench.leaderboard.exports.places import Places
from bench.leaderboard.files import document_bytes
from bench.leaderboard.pin import PIN, Pin
from groundwork.hashing import hash_bytes

_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataBiases": "cr:dataBiases", "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation", "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip


def croissant(entry: Entry, pin: Pin, places: Places) -> str:
    """The suite of an entry as croissant.json; without a site it describes the suite.json that lies beside it."""
    content = document_bytes(pin.model_dump(mode="json"))
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": pin.board,
        "description": pin.description.strip() or f"Cases of the suite {pin.name}, version {pin.version}.",
        "version": f"{pin.version}.0.0",
        "datePublished": entry.date,
        **({"url": places.at(f"suites/{pin.board}/index.html")} if places.site else {}),
        "distribution": [
            {
                "@type": "cr:FileObject", "@id": PIN, "name": PIN, "description": "The suite as the board pins it.",
                "contentUrl": places.at(f"entries/{pin.board}/{PIN}") or PIN, "encodingFormat": "application/json",
                "sha256": hash_bytes(content),
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet", "@id": "cases", "name": "cases", "description": "One record for each object.",
                "key": {"@id": "cases/id"},
                "field": [_field("id", "The object's id."), _field("prompt", "What a generator is asked for.")],
            }
        ],
    }  # fmt: skip
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _field(name: str, description: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field", "@id": f"cases/{name}", "name": name, "description": description, "dataType": "sc:Text",
        "source": {"fileObject": {"@id": PIN}, "extract": {"jsonPath": f"$.cases[*].{name}"}},
    }  # fmt: skip
