"""Pods as the API server has them."""


def api_pod(name, address="127.0.0.2", age=0, *, ready=True, ending=False, paused=None, phase="Running", of="echo"):
    """A server pod of the resource `of`; the higher its `age`, the older it is."""
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": f"uid-{name}",
        "creationTimestamp": f"2026-11-24T12:00:{59 - age:02}Z",
        "ownerReferences": [{"kind": "ReplicaSet", "name": f"{of}-5d9", "controller": True}],
        "annotations": {} if paused is None else {"serving.autoglm.io/paused": paused},
    }
    if ending:
        metadata["deletionTimestamp"] = "2026-11-24T12:30:00Z"
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    return {
        "metadata": metadata,
        "spec": {"nodeName": "node0", "containers": [{"name": "triton"}]},
        "status": {"phase": phase, "podIP": address, "conditions": [condition]},
    }
