"""The plain Envoys that the gateway is measured against: a real Envoy accepts what an expert would write."""

import json
import subprocess

import pytest

from bench import rival_envoy
from devcluster import binaries

BOOTSTRAP = rival_envoy.bootstrap(["10.0.0.1", "10.0.0.2"], 8000)


def test_a_real_envoy_accepts_it(tmp_path):
    binaries.ensure([binaries.ENVOY])
    config = tmp_path / "envoy.json"
    config.write_text(json.dumps(BOOTSTRAP))
    argv = [str(binaries.ENVOY.path), "--mode", "validate", "--config-path", str(config)]
    check = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize("policy", rival_envoy.POLICIES)
def test_only_the_tuned_ones_try_again_and_eject(policy):
    (cluster,) = (each for each in BOOTSTRAP["static_resources"]["clusters"] if each["name"] == policy)
    assert ("outlier_detection" in cluster) is policy.endswith("-tuned")
    assert cluster["lb_policy"] == ("ROUND_ROBIN" if policy.startswith("round") else "LEAST_REQUEST")
