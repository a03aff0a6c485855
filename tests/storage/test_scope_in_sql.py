"""Reads the source: no statement reads memory without saying whose."""

import ast
import re
from pathlib import Path

import pytest

import storage.sqlite

FOLDER = Path(storage.sqlite.__file__).parent
MEMORY = ("messages", "passages", "blocks", "block_versions", "summaries", "approvals")
SEARCH = ("recall_rows", "recall_sittings", "recall_words", "archival_rows", "archival_words")
SEARCH += ("search_vectors",)

# Statements that span agents on purpose: file, function and why.
ALLOWED = {
    ("forgetting.py", None): "a person speaks to many agents",
    ("unlearning.py", None): "a person speaks to many agents",
    ("changes.py", "find"): "a platform names a message by its own key, within its tenant",
    ("changes.py", "keys_below"): "the same of a thread that is gone; nothing is read but keys",
    ("changes.py", "_traces"): "what has the key of a message, and the turns of that",
    ("archive_in.py", "_free_id"): "ids are unique over all agents; nothing is read but that",
    ("messages.py", "_move_to_end:sqlite_sequence"): "the next number of the table, not a message",
    ("search_rows.py", "<module>"): "texts that wait to be embedded; every word holds the agent",
    ("search_rows.py", "start_model"): "forgets the vectors of another model",
    ("search_rows.py", "queue_all"): "numbers of rows, to embed all anew; no text is read",
    ("approvals.py", "untold"): "decided calls of all agents, each told to its own",
    ("pruning.py", "<module>"): "old rows of all agents go; nothing is read",
    ("retention.py", "<module>"): "a tenant's rule holds for all of its agents; no text is read",
    ("health.py", None): "asks whether the file is sound",
}


def statements():
    """Every SQL text of the package with the function it stands in."""
    for file in sorted(FOLDER.glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        yield from _texts(file.name, tree, "<module>")


def _texts(file, node, function):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _texts(file, child, child.name)
        elif isinstance(child, ast.JoinedStr):
            parts = (it.value if isinstance(it, ast.Constant) else "{}" for it in child.values)
            yield file, function, "".join(parts)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield file, function, child.value
        else:
            yield from _texts(file, child, function)


def selects(sql):
    """The text from each SELECT on, with the tables it reads."""
    for found in re.finditer(r"\b(?:SELECT\b.*?\b)?(?:FROM|JOIN)\s+(\w+|\{\})", sql, re.DOTALL):
        yield found[1], sql


def reads_unbound(sql):
    """Tables of memory that a statement reads without binding an agent."""
    if not re.search(r"\b(SELECT|DELETE)\b|^FROM\b", sql):
        return []
    bound = re.search(r"\bagent_id\s*(=|IN)|\bagent\s*=\s*[?:]", sql)
    by_number = re.search(r"\b(DELETE FROM (messages|passages|\w+_rows)) WHERE seq = \?", sql)
    by_id = re.search(r"\b\w+_words MATCH \?", sql)
    if bound or by_number or by_id:
        return []
    return [table for table, _ in selects(sql) if table in (*MEMORY, *SEARCH, "{}")]


def unbound():
    for file, function, sql in statements():
        for table in reads_unbound(sql):
            yield file, function, table, sql


def is_allowed(file, function, sql):
    marks = {(file, None), (file, function)}
    if "sqlite_sequence" in sql:
        marks.add((file, f"{function}:sqlite_sequence"))
    return bool(marks & set(ALLOWED))


class TestScopeInSql:
    """Every read of memory names its agent in the statement itself."""

    def test_there_are_statements_to_look_at(self):
        found = [sql for *_, sql in statements() if re.search(r"\bFROM (messages|blocks)\b", sql)]
        assert len(found) > 8

    def test_no_read_of_memory_is_without_its_agent(self):
        wrong = [
            (file, function, table)
            for file, function, table, sql in unbound()
            if not is_allowed(file, function, sql)
        ]
        assert wrong == []

    def test_what_is_allowed_is_still_there(self):
        used = set()
        for file, function, _, sql in unbound():
            used |= {(file, None), (file, function)}
            if "sqlite_sequence" in sql:
                used.add((file, f"{function}:sqlite_sequence"))
        assert {mark for mark in ALLOWED if mark[0] != "health.py"} <= used

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT * FROM messages WHERE conversation_id = ?",
            "SELECT text FROM passages",
            "SELECT x FROM turns JOIN messages USING (turn_id)",
            "FROM block_versions WHERE label = ?",
            "SELECT vector FROM search_vectors WHERE seq = ?",
        ],
    )
    def test_the_check_finds_what_it_is_for(self, sql):
        assert reads_unbound(sql)

    def test_a_conversation_turn_and_window_also_bind_the_tenant(self):
        scoped = {
            "messages.py": {"queue", "of_turn", "hits", "under_way", "move_to_end", "between"},
            "passages.py": {"by_seq"},
            "summaries.py": {"_conversation", "_summaries"},
            "blocks.py": {"apply", "window_blocks"},
        }
        for file, function, sql in statements():
            reads = re.search(r"FROM (messages|passages|summaries|blocks|conversations) ", sql)
            if function in scoped.get(file, ()) and reads and "sqlite_sequence" not in sql:
                assert re.search(r"tenant = [?:]", sql), (file, function)
