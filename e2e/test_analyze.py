"""The offline analysis and the real API server agree: what one refuses the other does."""

import json

import pytest
import yaml

from analyze_samples import sample
from demo.kubectl import CommandFailedError
from glm_operator.analysis.codes import CODES, api_rules

BY_SCHEMA = [f"GLM{number:03}" for number in (6, 7, 8, 9, 10, 11, 12, 13, 17, 19)]
BY_RULE = [rule.code for rule in api_rules() if rule.cel is not None and rule.code not in BY_SCHEMA]
BY_LIST_KEY = ["GLM101", "GLM103", "GLM121"]


def resources(code, word):
    documents = [d for d in yaml.safe_load_all(sample(code, word)) if d and d.get("kind") == "GLMInference"]
    for document in documents:
        document["metadata"].pop("namespace", None)
    return documents


def dry_run(kubectl, namespace, documents):
    listed = {"apiVersion": "v1", "kind": "List", "items": documents}
    return kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", stdin=json.dumps(listed))


@pytest.mark.parametrize("code", sorted({*BY_SCHEMA, *BY_RULE, *BY_LIST_KEY}))
def test_the_api_server_refuses_what_the_analysis_calls_an_error(kubectl, namespace, code):
    with pytest.raises(CommandFailedError):
        dry_run(kubectl, namespace, resources(code, "fail"))


def test_the_api_server_takes_every_passing_sample(kubectl, namespace):
    documents = [document for code in CODES for document in resources(code, "pass")]
    assert dry_run(kubectl, namespace, documents).count("created (server dry run)") == len(documents)
