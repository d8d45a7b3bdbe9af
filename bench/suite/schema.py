"""What a suite file may say: one frozen, strict model a section. What one field cannot know alone is in `check.py`.

The descriptions end up in the JSON Schema that editors use (`realiz3d-bench validate --schema`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    model_serializer,
    model_validator,
)
from pydantic.config import JsonDict

from bench.suite.views import Section, SuitePath, Views
from groundwork.hashing import hash_json

MANY = 1000  # generators or metrics: more are a mistake, or meant to keep a machine busy

SafeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")]
"""A name that is also a folder name on every system: letters, digits, `.`, `_`, `-`; at most 64, no leading dot."""


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("expected different seeds: a seed that comes twice would count one sample twice")
    return seeds


Seed = Annotated[int, Field(ge=0, lt=2**63)]
Split = Literal["eval", "train"]
Look = Literal["rich", "synthetic", "muted", "vivid", "daylight"]
_LOOKS = "'rich', 'muted' and 'daylight' are photographs, 'synthetic' and 'vivid' plain."


class MeshCases(Section):
    """Objects from a folder of mesh files."""

    source: Literal["meshes"]
    path: SuitePath = Field(description="Folder of mesh files, one object per file; relative to the suite file.")
    prompts: SuitePath | None = Field(
        default=None, description="CSV file that gives each object its prompt; relative to the suite file."
    )


class PromptCases(Section):
    """Objects that are a sentence each, for text_to_multiview: there is no mesh to compare with."""

    source: Literal["prompts"]
    path: SuitePath = Field(description="CSV file with the columns case and prompt; relative to the suite file.")


class MiniworldCases(Section):
    """Objects of the embedded mini-world, made on the fly."""

    source: Literal["miniworld"]
    split: Split = Field(default="eval", description="Objects held out for evaluation, or those used for training.")
    count: int | None = Field(default=None, ge=1, description="How many objects; all of the split when left out.")
    seed: Seed = Field(default=0, description="Seed of the objects.")
    look: Look = Field(default="rich", description=_LOOKS)


Cases = Annotated[
    MeshCases | PromptCases | MiniworldCases, Field(discriminator="source", description="The objects to generate.")
]


class GeneratorReference(Section):
    """The pictures that one of the suite's generators makes for the same cases (FID_B)."""

    generator: SafeName = Field(description="Name of a generator of this suite.")


class FolderReference(Section):
    """A folder of pictures, such as segmented photographs (FID_I)."""

    folder: SuitePath = Field(description="Folder of pictures; relative to the suite file.")


def _either_spelling(schema: JsonDict) -> None:
    properties = schema["properties"]
    assert isinstance(properties, dict)
    properties["built"] = properties["shipped"]
    schema.pop("required", None)
    schema["oneOf"] = [{"required": ["shipped"]}, {"required": ["built"]}]


class ShippedReference(Section):
    """Pinned features that ship with the project or were made with `reference build`."""

    model_config = ConfigDict(json_schema_extra=_either_spelling)

    shipped: SafeName = Field(
        validation_alias=AliasChoices("shipped", "built"),
        description="Name of a shipped reference set, or of one made with `realiz3d-bench reference build`.",
    )


class MiniworldObjects(Section):
    """Which renders of the mini-world stand for real pictures."""

    split: Split = Field(default="train", description="Objects used for training, or those held out for evaluation.")
    look: Look = Field(default="rich", description=_LOOKS)
    first: int = Field(
        default=0, ge=0, description="Number of the first object; suites evaluate the first 40 of `eval`."
    )
    count: int | None = Field(default=None, ge=1, description="How many objects; all of the split when left out.")
    size_px: int | None = Field(
        default=None, ge=4, description="Render at this size and enlarge, as models of that size are; null: neither."
    )

    @model_validator(mode="after")
    def _some(self) -> MiniworldObjects:
        if self.first and self.count is None:
            raise ValueError("expected a count beside first: a split has as many objects as one asks for")
        return self


class MiniworldReference(Section):
    """Renders of mini-world objects in the role of real pictures."""

    miniworld: MiniworldObjects = Field(description="Which objects, in which look.")


REFERENCE_KINDS: dict[str, type[Section]] = {
    "generator": GeneratorReference,
    "folder": FolderReference,
    "shipped": ShippedReference,
    "built": ShippedReference,
    "miniworld": MiniworldReference,
}


def _kind_of_reference(value: object) -> str | None:
    if isinstance(value, dict):
        kinds = [key for key in value if key in REFERENCE_KINDS]
        kind = kinds[0] if len(kinds) == 1 else None
    else:
        kind = next((key for key, model in REFERENCE_KINDS.items() if isinstance(value, model)), None)
    return "shipped" if kind == "built" else kind


Reference = Annotated[
    Annotated[GeneratorReference, Tag("generator")]
    | Annotated[FolderReference, Tag("folder")]
    | Annotated[ShippedReference, Tag("shipped")]
    | Annotated[MiniworldReference, Tag("miniworld")],
    Discriminator(_kind_of_reference),
]


class PaperRow(Section):
    """A row of a table of the Realiz3D paper."""

    table: Literal[1, 2, 3] = Field(description="1: texturing, 2: ablation, 3: text to multiview.")
    row: str = Field(min_length=1, description="The row's label, such as 'LoRA 32'; of table 2 its number.")


class Resources(Section):
    """What one worker takes of a cluster (`--executor ray`); it decides no number."""

    cpus: float = Field(default=1.0, ge=0, description="Processors of one worker.")
    gpus: float | None = Field(
        default=None, ge=0, description="GPUs of one worker, or a share of one; left out: one where --device is cuda."
    )


class StageResources(Section):
    """What the workers of each stage take."""

    generate: Resources = Field(default=Resources(), description="A worker that makes samples.")
    measure: Resources = Field(default=Resources(), description="A worker that measures samples with object metrics.")


class GeneratorEntry(BaseModel):
    """A source of images: `name` and `use`; every other key is an option of the generator that `use` names."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)

    name: SafeName = Field(description="How this generator is called in results; also its folder's name.")
    use: str = Field(
        min_length=1, description="A shipped generator, one of an installed plug-in, or `module:attribute`."
    )
    paper: PaperRow | None = Field(
        default=None, description="What it stands for: reports show the published numbers of that row beside its own."
    )

    resources: Resources | None = Field(
        default=None, description="What one of its workers takes of a cluster, in place of resources.generate."
    )

    @property
    def options(self) -> dict[str, Any]:
        """What is left of the entry, for the generator's own `Options` model."""
        return dict(self.model_extra or {})


class MetricEntry(Section):
    """A metric: its name, or `{name: {options}}`."""

    model_config = ConfigDict(
        json_schema_extra=lambda schema: _replace(
            schema,
            {
                "description": "A metric's name, or one key, the name, with the metric's options.",
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {
                        "type": "object",
                        "minProperties": 1,
                        "maxProperties": 1,
                        "additionalProperties": {"type": ["object", "null"]},
                    },
                ],
            },
        )
    )

    name: str = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and len(value) == 1:
            ((name, options),) = value.items()
            if options is None or isinstance(options, dict):
                return {"name": name, "options": options or {}}
        raise ValueError(
            "expected a metric's name, or one key, the name, with its options: `- fid: {reference: photos}`"
        )

    @model_serializer
    def _to_short_form(self) -> str | dict[str, Any]:
        return {self.name: self.options} if self.options else self.name


def _replace(schema: JsonDict, content: JsonDict) -> None:
    schema.clear()
    schema.update(content)


class Gate(Section):
    """How much worse a result may get before `compare` calls it a regression."""

    delta: float = Field(ge=0, description="Largest harmless change for the worse, in the result's own unit.")


class Suite(Section):
    """A suite: which objects, which views, who generates, against what and how it is judged."""

    name: SafeName = Field(description="Name of the suite; results carry it.")
    version: int = Field(ge=1, description="Raised by the suite's author whenever its numbers change.")
    description: str = Field(default="", description="What the suite is for, in a sentence or two.")
    task: Literal["texturing", "text_to_multiview"] = Field(
        description="What a generator is given: mesh and prompt, or a prompt."
    )
    cases: Cases
    views: Views = Field(default_factory=lambda: Views(), description="The cameras.")
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_distinct)] = Field(
        default=(0,), description="Sample seeds: every object is generated once for each."
    )
    seed: Seed = Field(
        default=0, description="Seed of the suite, mixed into the noise of every sample and into resampling."
    )
    references: dict[SafeName, Reference] = Field(
        default_factory=dict, description="Sets of pictures that metrics compare with, by name (`fid@NAME`)."
    )
    generators: tuple[GeneratorEntry, ...] = Field(default=(), max_length=MANY, description="Who makes the images.")
    metrics: tuple[MetricEntry, ...] = Field(min_length=1, max_length=MANY, description="What is measured.")
    primary: tuple[str, ...] = Field(
        default=(), description="The results that decide, one an axis, as printed: `cde`, `fid@photos`."
    )
    shown_first: tuple[SafeName, ...] = Field(
        default=(),
        max_length=MANY,
        description="Generators whose pictures open the report, large, in this order; left out: those that compete, "
        "five at most, and the ceiling.",
    )
    timeout: float | None = Field(
        default=None, gt=0, description="Seconds that a generator may take for a batch; left out: an hour a sample."
    )
    memory: float | None = Field(
        default=None, gt=0, description="GiB of memory that the process of a generator or metric may take."
    )
    resources: StageResources = Field(
        default_factory=StageResources, description="What a worker takes of a cluster, by stage."
    )
    gates: dict[str, Gate] = Field(
        default_factory=dict, description="Results that `compare` guards, by name as printed."
    )

    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def folder(self) -> Path:
        """The suite file's folder: relative paths were taken from here."""
        return self._folder

    def in_folder(self, folder: Path) -> Suite:
        """The same suite as read from `folder`."""
        copy = self.model_copy()
        copy._folder = folder
        return copy

    def canonical(self) -> dict[str, Any]:
        """The resolved suite as plain JSON values, defaults written out."""
        return self.model_dump(mode="json")


def suite_protocol(suite: Suite) -> dict[str, Any]:
    """Everything that the suite decides about how a generator is judged, as plain JSON values.

    Left out: the description, the list of generators, which of them a report shows first, limits, shares of machines,
    and where files lie. What they hold is pinned by the fingerprints of generators and cases and the digests of
    references, so one suite keeps its hash on another machine and when a generator is added.
    """
    protocol = suite.canonical()
    for key in ("description", "generators", "shown_first", "timeout", "memory", "resources"):
        del protocol[key]
    for key in ("path", "prompts"):
        protocol["cases"].pop(key, None)
    protocol["views"].get("cameras", {}).pop("path", None)
    for reference in protocol["references"].values():
        if "folder" in reference:
            reference["folder"] = None
    return protocol


def suite_hash(suite: Suite) -> str:
    """SHA-256 (hex) of the suite's protocol."""
    return hash_json(suite_protocol(suite))


def suite_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a suite file, for editors."""
    schema = Suite.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "realiz3d-bench suite"}
