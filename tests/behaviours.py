"""The mark ``behaviour``: which behaviour of chat a test shows, and on which surfaces.

With ``--behaviours FILE`` a run writes what its passing tests have shown.
"""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.behaviours import Shown, behaviours, problem_with

_PROPERTY = "behaviour"
_KNOWN = behaviours()


def pytest_addoption(parser):
    parser.addoption("--behaviours", metavar="FILE", help="write what passing tests have shown")


def pytest_configure(config):
    config.pluginmanager.register(_Results(config.getoption("--behaviours")), "behaviours")


def pytest_generate_tests(metafunc):
    for mark in metafunc.definition.iter_markers(_PROPERTY):
        problem = problem_with(_KNOWN, mark.args)
        if problem:
            pytest.fail(f"{metafunc.definition.nodeid}: {problem}", pytrace=False)


def pytest_collection_modifyitems(items):
    for item in items:
        item.user_properties += [(_PROPERTY, mark.args) for mark in item.iter_markers(_PROPERTY)]


class _Results:
    """A test of many cases has shown something when none of them failed."""

    def __init__(self, file):
        self._file = file
        self._shown = set()
        self._failed = set()

    def pytest_runtest_logreport(self, report):
        test = report.nodeid.partition("[")[0]
        if report.failed:
            self._failed.add(test)
        if report.passed and report.when == "call":
            for name, (behaviour, *surfaces) in report.user_properties:
                if name == _PROPERTY:
                    self._shown |= {
                        Shown(behaviour=behaviour, surface=surface, test=test)
                        for surface in surfaces
                    }

    def pytest_sessionfinish(self, session):
        if self._file and not hasattr(session.config, "workerinput"):
            shown = [asdict(one) for one in sorted(self._shown) if one.test not in self._failed]
            Path(self._file).write_text(json.dumps(shown, indent=1), encoding="utf-8")
