"""Who gets how much of the traffic: samples of the pods in, weights with their reasons out, once a second.

`decide` is the loop's one step. Its parts, in the order in which a tick passes through them:

- `samples` makes impossible readings unknown; `window` is the sliding window, `history` what a pod's samples left
  behind.
- `cpu_rule`, `latency_rule`, `idle_rule`: the three rules of `spec.traffic.weighting`, with `rules` for their numbers
  and every constant.
- `roles`: who may get requests at all. `fleet`: one look at each pod, and what is usual among them.
- `formula` is `1/(cpu * latency_ms^2)`; `average` what keeps it stable in a loop; `balance` evens utilisation out.
- `fall` sees within a tick or two that a pod is much slower than the others; `outage` is a pause and the way back,
  `cap` how many may be out at once, `pauses` who is. `serving` puts these together.
- `endpoints` makes whole weights of it, `decision` is what comes out and how it is told, `publishing` whether it is
  worth telling Envoy. `state` is kept until the next tick.

Fall fast, rise slowly: a slow average alone drains a slow pod too late (half a minute), and a fast one swings,
because the formula's loop has a gain of `1 + 2*rho/(1-rho)`: 9 at 80 % load. So the average is slow in both
directions, and what falls fast is a separate path that only a clear outlier takes, that is bounded by what the other
pods have room for, and that comes back by steps.
"""
