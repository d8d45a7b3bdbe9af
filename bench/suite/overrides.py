"""`--set` for suites: where results' names may hold dots, and which keys go with what is replaced or chosen."""

from __future__ import annotations

from bench.errors import SuiteError
from bench.suite.schema import REFERENCE_KINDS, Gate, MeshCases, MiniworldCases, PromptCases
from bench.suite.views import SHARED
from groundwork.overrides import override
from groundwork.yaml_tree import Node, Scalar

_EXAMPLE = "--set cases.path=DIR or --set generators.NAME.path=DIR"
_KEYS_OF_SOURCE = {
    "meshes": frozenset(MeshCases.model_fields),
    "prompts": frozenset(PromptCases.model_fields),
    "miniworld": frozenset(MiniworldCases.model_fields),
}


def override_suite(root: Node, text: str) -> None:
    """`groundwork.overrides.override`; then choosing one kind of a reference (or of cases) drops the others' keys."""
    _drop_alternatives(root, override(root, text, SuiteError, _EXAMPLE, _new_result))


def _new_result(words: list[str], done: int) -> str:
    """Below `gates`, the result that a path names: `normal_within_11.25` is one name, whatever its field is called."""
    if words[0] != "gates" or done != 1:
        return words[done]
    end = len(words) - 1
    if words[-1] not in Gate.model_fields:
        end = next((n for n in range(2, len(words)) if not words[n][0].isdigit()), len(words))
    return ".".join(words[1 : max(end, 2)])


def _drop_alternatives(root: Node, words: list[str]) -> None:
    sections = root.value if isinstance(root.value, dict) else {}
    if words == ["generators"]:
        sections.pop("shown_first", None)  # names of generators that are gone
    if words == ["cases", "source"] and isinstance(cases := sections["cases"].value, dict):
        chosen: Scalar | list[Node] | dict[str, Node] = cases["source"].value
        if isinstance(chosen, str) and chosen in _KEYS_OF_SOURCE:
            for key in [*cases]:
                if key not in _KEYS_OF_SOURCE[chosen]:
                    del cases[key]
    if words[:2] == ["views", "cameras"] and isinstance(views := sections["views"].value, dict):
        for key in SHARED:
            views.pop(key, None)
    if words[0] == "references" and isinstance(references := sections["references"].value, dict):
        for end in range(len(words) - 1, 1, -1):
            reference = references.get(".".join(words[1:end]))
            if reference is not None and isinstance(reference.value, dict) and words[end] in REFERENCE_KINDS:
                for key in [*reference.value]:
                    if key != words[end] and key in REFERENCE_KINDS:
                        del reference.value[key]
                return
