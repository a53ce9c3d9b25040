"""Program documents: what is read, what is wrong where, what is odd."""

from typing import get_args

import pytest

from shared.events import registry
from shared.program.document import KINDS, published, read_program
from shared.program.model import Program
from shared.program.rules import Rule

TEXT = """\
program: shop
version: 1
name: Shop
effective_from: 2026-01-01
timezone: America/New_York
money: USD
brands: [shop]
earn:
  rounding: half_up
  rules:
    - rule: base
      kind: per_amount
      points: 3/2
      per_minor: 100
      steps: whole_steps
      tax: in
      match: {department: [SHOES, NO], kind: [product, fee]}
      exclude: {store: ["0071"]}
      effective_until: 2026-12-31
    - {rule: visit, kind: per_visit, points: 1}
    - {rule: double, kind: multiplier, factor: 2, rules: [base, visit]}
    - {rule: bonus, kind: fixed, points: 5, effective_from: 2026-02-01T00:00:00Z}
activation: {after: 5D}
expiry: {after: 6M_U, counts_from: activation}
redemption:
  cash_off: {points: 1, minor: 1, minimum: 500, multiple: 500, max_share: 12.5%, cap: 9000,
    above_limit: refuse}
"""
SHORT = """\
program: shop
version: 1
name: Shop
effective_from: 2026-01-01T00:00:00-05:00
timezone: UTC
money: USD
brands: [shop]
earn: {rules: [{rule: base, kind: per_amount, points: 1, per_minor: 100}]}
"""


def program(text: str) -> Program:
    reading = read_program(text)
    assert reading.program is not None, reading.problems
    return reading.program


@pytest.mark.parametrize("text", [TEXT, SHORT])
def test_a_program_survives_publication(text: str):
    written = program(text)
    fact = published(written)
    wire_type = registry.TYPE_OF[type(fact)]
    assert registry.decode(wire_type, registry.encode(fact)) == fact
    assert b"null" not in registry.encode(fact)
    assert Program.model_validate(fact.document) == written
    assert (fact.program, fact.version, fact.effective_from) == ("shop", 1, written.starts_at)


def test_effective_from_is_a_local_day_or_an_instant():
    assert program(TEXT).starts_at.isoformat() == "2026-01-01T05:00:00+00:00"
    assert program(SHORT).starts_at.isoformat() == "2026-01-01T05:00:00+00:00"


def test_what_is_left_out_has_its_default():
    short = program(SHORT)
    assert short.earn.rounding == "floor"
    assert (str(short.activation.after), short.expiry.after) == ("0s", None)
    assert short.redemption.cash_off is None


@pytest.mark.parametrize(
    "text", ["expiry: {after: never}\n", "expiry: {counts_from: earning}\n", ""]
)
def test_points_never_expire_unless_the_program_says_so(text: str):
    assert program(SHORT + text) == program(SHORT)


def test_the_kinds_of_rules_are_all_known_to_the_messages():
    assert set(KINDS.values()) == set(get_args(get_args(Rule)[0]))


PROBLEMS = [
    ("program: shop", "program: My Shop", 1, "program", 'found "My Shop"; allowed: lower-case let'),
    ("version: 1", "version: '1'", 2, "version", 'found "1"; allowed: a valid integer'),
    ("version: 1", "version: 0", 2, "version", "found 0; allowed: greater than or equal to 1"),
    ("version: 1", "version: 1.0", 2, "", "1.0 would be a binary fraction"),
    ("name: Shop\n", "", 1, "name", "this field is missing"),
    ("2026-01-01", "2026-02-30", 4, "effective_from", 'found "2026-02-30"; allowed: a day and'),
    ("2026-01-01", "2026-01-01T00:00:00", 4, "effective_from", "an instant with its offset"),
    ("2026-01-01", "1969-01-01", 4, "effective_from", "allowed: dates from 1970 to 8999"),
    ("2026-01-01", "2026-W01", 4, "effective_from", 'found "2026-W01"; allowed: a day'),
    ("America/New_York", "EDT", 5, "timezone", 'found "EDT"; allowed: the IANA name'),
    ("USD", "usd", 6, "money", 'found "usd"; allowed: three capital letters such as USD'),
    ("[shop]", "shop", 7, "brands", 'found "shop"; allowed: a list'),
    ("[shop]", "[]", 7, "brands", "found a list; allowed: 1 or more values"),
    ("[shop]", "[1]", 7, "brands[0]", 'found 1; allowed: text (write it in quotes: "1")'),
    ("[shop]", "[shop, shop]", 7, "brands", "a brand is written twice"),
    ("[shop]", '[" shop"]', 7, "brands[0]", "one line of printable characters without a blank"),
    ("rounding:", "roundng:", 9, "earn.roundng", "did you mean rounding? allowed: rules, roundi"),
    ("half_up", "up", 9, "earn.rounding", "found \"up\"; allowed: 'floor', 'half_up' or 'ceil'"),
    ("per_amount", "per_amont", 11, "earn.rules[0]", 'found the kind "per_amont"; allowed: per_'),
    ("      kind: per_amount\n", "", 11, "earn.rules[0]", "this rule has no kind; allowed: per_a"),
    ("points: 3/2", "points: 0", 13, "earn.rules[0].points", "found 0; allowed: greater than 0"),
    ("points: 3/2", "points: -1", 13, "earn.rules[0].points", "found -1; allowed: a whole number"),
    ("points: 3/2", "points: 0.5", 13, "", "0.5 would be a binary fraction"),
    ("department:", "aisle:", 17, "earn.rules[0].match.aisle", "of this name; allowed: br"),
    ("fee]", "fees]", 17, "earn.rules[0].match.kind[1]", "found \"fees\"; allowed: 'product', "),
    ('"0071"', "0071", 18, "earn.rules[0].exclude.store[0]", "found 71; allowed: text (write it"),
    ("e_until: 2026-12-31", "e_until: 2026-12-31\n      effective_from: 2027-01-01", 19,
     "earn.rules[0].effective_until", "found 2026-12-31; allowed: after effective_from"),
    ("rule: visit", "rule: base", 20, "earn.rules[1]", "there is another rule base above"),
    ("factor: 2", "factor: 1", 21, "earn.rules[2].factor", "found 1; allowed: greater than 1"),
    ("e, visit]", "e, bonus]", 21, "earn.rules[2].rules", "found bonus; allowed: base rules of th"),
    ("after: 5D", "after: never", 23, "activation.after", 'found "never"; allowed: a whole number'),
    ("6M_U", "", 24, "expiry.after", "found null; allowed: `never`, or a whole number"),
    ("6M_U", "1M_D", 24, "expiry.after", 'found "1M_D"; allowed: 1M, or 1M_U to round up'),
    ("minor: 1,", "minor: 0,", 26, "redemption.cash_off.minor", "found 0; allowed: greater than"),
    ("12.5%", "120%", 26, "redemption.cash_off.max_share", 'found "120%"; allowed: less than or'),
    ("cap: 9000", "cap: many", 26, "redemption.cash_off.cap", 'found "many"; allowed: a valid in'),
    ("redemption:", "redeem:", 25, "redeem", "no field of this name; did you mean redemption?"),
    ("[shop]", "[" + ",".join(f"b{n}" for n in range(1_001)) + "]", 7, "brands",
     "found a list; allowed: at most 1000 values"),
    ("{after: 5D}", "5D", 23, "activation", 'found "5D"; allowed: fields, each with its value'),
    ("{after: 5D}", "[5D]", 23, "activation", "found a list; allowed: fields, each with its value"),
    ("version: 1", "version: {a: 1}", 2, "version", "found a mapping; allowed: a valid integer"),
    ("America/New_York", "Zürich", 5, "timezone", 'found "Zürich"; allowed: the IANA name'),
    ("half_up", "x" * 200, 9, "earn.rounding", 'found "' + "x" * 59 + "…; allowed: "),
    ("      per_minor: 100\n", "", 11, "earn.rules[0].per_minor", "this field is missing"),
    ("refuse}\n", "refuse}\nadjustments: {operators: 5}\n", 28, "adjustments.operators",
     "found 5; allowed: fields, each with its value"),
    (TEXT, "- 1", 1, "", "found a list; allowed: fields, each with its value"),
    (TEXT, "a: [", 1, "", "not YAML"),
]  # fmt: skip


def test_a_list_whose_only_item_is_wrong_is_not_called_too_short():
    problems = read_program(TEXT.replace("[shop]", "[1]")).problems
    assert [problem.field for problem in problems] == ["brands[0]"]


@pytest.mark.parametrize(("was", "becomes", "line", "field", "said"), PROBLEMS)
def test_a_problem_says_where_what_was_found_and_what_is_allowed(
    was: str, becomes: str, line: int, field: str, said: str
):
    assert was in TEXT
    reading = read_program(TEXT.replace(was, becomes, 1))
    assert reading.program is None
    told = [problem.message for problem in reading.problems if problem.field == field]
    assert [message for message in told if said in message], reading.problems
    assert line in {problem.line for problem in reading.problems if problem.field == field}


def test_a_problem_is_one_line_for_people():
    problem = read_program(TEXT.replace("after: 6M_U", "after: 6M_X")).problems[0]
    assert str(problem).startswith('line 24: expiry.after: found "6M_X"; allowed: 6M, or 6M_U')


def test_all_problems_are_told_in_the_order_of_the_document():
    text = TEXT.replace("USD", "usd").replace("half_up", "up").replace("version: 1", "version: x")
    assert [problem.line for problem in read_program(text).problems] == [2, 6, 9]


@pytest.mark.parametrize("price", ["{Points!: 5}", "{Points!: [5]}", "{Points!: {a: 5}}"])
def test_a_name_that_is_wrong_is_told_whatever_it_is_given_to(price: str):
    reward = f"{{reward: cup, name: A cup, price: {price}}}"
    text = TEXT.replace("redemption:\n", f"redemption:\n  rewards: [{reward}]\n")
    first = read_program(text).problems[0]
    assert first.field == "redemption.rewards[0].price.Points!"
    assert first.message.startswith('found "Points!"; allowed: lower-case letters')


CUP = "{reward: cup, name: A cup, price: {points: 5}, when_cancelled: written_off}"
ODDITIES = [
    ("exclude: {", "exclude: {department: [NO, SHOES], ", "earn.rules[0]", "excludes the same"),
    ("match: {", "match: {brand: [other], ", "earn.rules[0]", "it matches no brand of the program"),
    ("exclude: {", "exclude: {brand: [shop], ", "earn.rules[0]", "it excludes every brand of the"),
    ("until: 2026-12-31", "until: 2025-12-31", "earn.rules[0]", "ends (2025-12-31) before this"),
    ("half_up\n", "half_up\n  caps: [{per: lifetime, points: 400}]\n", "earn.caps",
     "a member earns 400 points at most, fewer than the 500"),
    ("redemption:\n", "returns: {deficit: unspent_only}\nredemption:\n", "returns.deficit",
     "a member who spends points before a return keeps what they bought: a gift"),
    ("redemption:\n", f"redemption:\n  rewards: [{CUP}]\n", "redemption.rewards[0]",
     "reward cup has no units to write off"),
    ("6M_U, counts_from: activation", "3D", "expiry", "points expire before they can be spent"),
    ("cap: 9000", "cap: 400", "redemption.cash_off", "the cap 400 is below the minimum 500"),
    ("minimum: 500", "minimum: 600", "redemption.cash_off", "the minimum is in effect 1000 points"),
]  # fmt: skip


@pytest.mark.parametrize(("was", "becomes", "field", "said"), ODDITIES)
def test_what_is_odd_is_said(was: str, becomes: str, field: str, said: str):
    assert was in TEXT
    assert read_program(TEXT).warnings == ()
    reading = read_program(TEXT.replace(was, becomes, 1))
    assert reading.program is not None, reading.problems
    assert [field] == [warning.field for warning in reading.warnings if said in warning.message]


def test_a_cap_that_is_the_minimum_is_not_odd():
    assert read_program(TEXT.replace("cap: 9000", "cap: 500")).warnings == ()


def test_a_program_without_base_rules_is_odd():
    text = SHORT.replace("{rule: base, kind: per_amount, points: 1, per_minor: 100}", "")
    [warning] = read_program(text).warnings
    told = "no base rule: purchases earn bonuses only"
    assert (warning.field, warning.message) == ("earn.rules", told)


def test_the_schema_names_every_section():
    schema = Program.model_json_schema()
    assert set(schema["required"]) == {
        *("program", "version", "name", "effective_from", "timezone", "money", "brands", "earn"),
    }
    assert schema["additionalProperties"] is False
