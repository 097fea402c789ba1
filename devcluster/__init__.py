"""A real Kubernetes cluster on one Linux machine, without Docker: `python -m devcluster --help`.

A node is a *sandbox*: a process that is init of its own process, mount and network namespace (see `sandbox`).
Everything of the node runs inside, pods included, so the end of that one process is the end of the node, its pods and
its mounts. `plan` says what should run, `supervisor` brings it about, `local` is the whole.
"""
