import base64

import yaml

from devcluster.kubeconfig import CONTEXT, kubeconfig


def test_a_kubeconfig_needs_no_other_file() -> None:
    content = yaml.safe_load(kubeconfig("https://127.0.0.1:20001", "admin", b"authority", b"certificate", b"key"))

    assert content["current-context"] == CONTEXT
    assert content["contexts"] == [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": "admin"}}]
    assert content["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:20001",
        "certificate-authority-data": base64.b64encode(b"authority").decode(),
    }
    assert content["users"][0]["user"] == {
        "client-certificate-data": base64.b64encode(b"certificate").decode(),
        "client-key-data": base64.b64encode(b"key").decode(),
    }
