"""Brings components to what is wanted of them: leaves alone what runs, starts what does not, waits until all answer."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from devcluster import probes, processes, sandbox
from devcluster.component import Component
from devcluster.console import step
from devcluster.errors import ClusterError, end_of
from devcluster.network import Node
from devcluster.processes import Record
from devcluster.state import Layout, write_atomically
from devcluster.waiting import until

READY_WITHIN = 60.0  # seconds, for any one component; the slowest takes 6 on an idle machine


class Supervisor:
    """The processes of one cluster."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def ensure(self, stage: Sequence[Component]) -> bool:
        """Start what does not run as it should, and wait for the whole stage; False when all of it ran."""
        stale = [each for each in stage if not self._runs_as_wanted(each)]
        if stale:
            with step(f"starting {', '.join(each.name for each in stale)}", max(each.seconds for each in stale)):
                for each in stale:
                    self._start(each)
                self._await(stage)
        else:
            self._await(stage)
        return bool(stale)

    def stop(self, component: str) -> None:
        """Stop a component that is recorded; one that is not wanted any more."""
        record = processes.read_record(self._layout.record(component))
        if record:
            processes.kill([record.process])
            self._layout.record(component).unlink()

    def pid(self, component: str) -> int | None:
        """The running process of a component."""
        record = processes.read_record(self._layout.record(component))
        return record.process.pid if record and processes.alive(record.process) else None

    def ready(self, component: Component) -> bool:
        """Whether a component runs and answers."""
        if self.pid(component.name) is None:
            return False
        if component.node is None:
            return probes.answers(component.ready_url, None)
        held = sandbox.holder(self._layout, component.node)
        return held is not None and probes.answers(component.ready_url, held.pid)

    def holder(self, node: Node) -> int:
        """The init of a node's sandbox, which must run."""
        held = sandbox.holder(self._layout, node)
        if held is None:
            raise ClusterError(f"{node.name} does not run", "start it with: up")
        return held.pid

    def _runs_as_wanted(self, component: Component) -> bool:
        record = processes.read_record(self._layout.record(component.name))
        return record is not None and record.fingerprint == component.fingerprint() and processes.alive(record.process)

    def _start(self, component: Component) -> None:
        """Start a component, in place of an earlier instance if one still runs, recorded or not."""
        layout = self._layout
        processes.kill(processes.instances_of(layout.folder, component.name, Path(component.argv[0])))
        for path, content in component.writes.items():
            write_atomically(path, content)
        environ = processes.environment(layout, component.name)
        inside = None
        if component.node is None:
            environ["PYTHONPATH"] = str(layout.checkout)
        else:
            inside = self.holder(component.node)
        log = layout.log(component.name)
        process = processes.start(component.argv, log, environ, sandbox=inside)
        processes.write_record(layout.record(component.name), Record(process, component.fingerprint()))

    def _await(self, stage: Sequence[Component]) -> None:
        for component in stage:
            try:
                until(partial(self._settled, component), READY_WITHIN, component.name)
            except ClusterError:
                raise self._failure(component, f"was not ready within {READY_WITHIN:.0f} s") from None
            if not self.ready(component):
                raise self._failure(component, "ended right after its start")

    def _settled(self, component: Component) -> bool:
        """Ready, or not even running any more."""
        return self.ready(component) or self.pid(component.name) is None

    def _failure(self, component: Component, what: str) -> ClusterError:
        log = self._layout.log(component.name)
        hint = f"the whole log is {log}; `up` tries again, `down` and `up` start from nothing"
        return ClusterError(f"{component.name} {what}. {end_of(log)}", hint)
