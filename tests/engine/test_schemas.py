"""Schemas that a model gets: self-contained, and without what only costs tokens."""

from engine.schemas import plain_schema


def test_what_is_referred_to_stands_in_its_place():
    schema = {
        "type": "object",
        "properties": {"who": {"$ref": "#/$defs/Person", "description": "Whom"}},
        "$defs": {"Person": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }
    assert plain_schema(schema) == {
        "type": "object",
        "properties": {
            "who": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "description": "Whom",
            }
        },
    }


def test_a_property_may_be_called_title_or_default():
    schema = {"title": "X", "properties": {"title": {"title": "T", "type": "string"}}}
    assert plain_schema(schema) == {"properties": {"title": {"type": "string"}}}


def test_null_is_dropped_from_the_choices_and_a_single_choice_stands_alone():
    one = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "description": "d"}
    assert plain_schema(one) == {"type": "string", "description": "d"}
    two = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}
    assert plain_schema(two) == {"anyOf": [{"type": "string"}, {"type": "integer"}]}


def test_a_schema_that_refers_to_itself_ends():
    tree = {
        "$ref": "#/$defs/Tree",
        "$defs": {"Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}}}},
    }
    assert "$ref" not in str(plain_schema(tree))


def test_what_cannot_be_found_and_what_is_no_schema_is_anything():
    assert plain_schema({"$ref": "http://elsewhere/x"}) == {}
    assert plain_schema({"properties": {"a": True}}) == {"properties": {"a": {}}}
