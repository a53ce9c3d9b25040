"""What the guide to programs says can be written can be read."""

import re
from pathlib import Path

import pytest
import yaml

from shared.program.cel import ACTION, PURCHASE
from shared.program.document import KINDS
from shared.program.model import Program
from shared.program.rules import Match
from tests.receipts import BASE, program

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_is_part_of_a_rule_or_of_a_program(text: str):
    part = yaml.safe_load(text)
    if part.keys() <= Program.model_fields.keys():
        Program.model_validate({**program(BASE).model_dump(mode="json"), **part})
    else:
        program({**BASE, **part})


def test_every_field_of_a_program_is_explained():
    schema = Program.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    fields = {field for section in sections for field in section.get("properties", {})}
    assert not fields - set(re.findall(r"[a-z_]+", GUIDE))


def test_every_kind_of_rule_and_every_field_of_a_match_is_explained():
    names = [*KINDS, *Match.model_fields]
    assert not [name for name in names if f"`{name}`" not in GUIDE]


def test_every_name_that_a_condition_knows_is_explained():
    said = set(re.findall(r"`([a-z]+\.[a-z_]+)", GUIDE))
    assert {*PURCHASE, *ACTION} <= said


def test_the_presets_that_it_names_are_there():
    named = re.findall(r"\.\./programs/([a-z-]+\.yaml)", GUIDE)
    assert len(named) == len(set(named))
    assert all((ROOT / "programs" / name).exists() for name in named)
