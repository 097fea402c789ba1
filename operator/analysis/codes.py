"""The table of all codes: how serious each is, what it says and what to do. A code is never given another meaning.

Hundreds are groups. The codes of the API's own cross-field rules stand with the rules, in `operator/api`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from glm_operator.analysis.finding import Severity
from glm_operator.api.base import ApiModel, Rule
from glm_operator.api.inference import NAME_RULE

GROUPS: Final = {
    "0": "Files and fields",
    "1": "Models",
    "2": "Model repository",
    "3": "Pods",
    "4": "Scaling",
    "5": "Traffic",
    "6": "Anomaly detection",
    "7": "Security",
    "8": "What else is in the namespace",
}
"""By the first digit of the number."""


@dataclass(frozen=True, slots=True)
class Code:
    """One entry."""

    severity: Severity
    title: str
    """What it is, in a sentence without an example."""
    fix: str
    """What to do, where the finding itself doesn't know better."""


_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

_OWN: Final[dict[str, Code]] = {
    "GLM001": Code(_ERROR, "The text isn't YAML", "correct the line that is named"),
    "GLM002": Code(_ERROR, "A key stands twice in a mapping", "keep one of the two"),
    "GLM003": Code(_WARNING, "There is no GLMInference in the input", "name the file that holds it"),
    "GLM004": Code(_ERROR, "apiVersion or kind is misspelled", "write it as the message says"),
    "GLM005": Code(
        _WARNING, "A document is no Kubernetes object", "give it apiVersion and kind, or leave the file out"
    ),
    "GLM007": Code(_ERROR, "A field is unknown", "remove it, or write the name that is meant"),
    "GLM008": Code(_ERROR, "A required field is missing", "add it"),
    "GLM009": Code(_ERROR, "A value has the wrong type", "write a value of the type that the message names"),
    "GLM010": Code(_ERROR, "A value isn't one of those that there are", "use one of those that the message lists"),
    "GLM011": Code(_ERROR, "A number is out of its range", "use one within the range"),
    "GLM012": Code(_ERROR, "A text doesn't have the form it must have", "write it in the form that the message names"),
    "GLM013": Code(_ERROR, "A list or map has too many entries, or too few", "change their number"),
    "GLM014": Code(_ERROR, "Two resources have the same name", "rename one: the second apply would change the first"),
    "GLM015": Code(
        _ERROR, "The resource is larger than the API server takes", "make it smaller: split it into several resources"
    ),
    "GLM016": Code(_WARNING, "The resource is too large for client-side apply", "use kubectl apply --server-side"),
    "GLM017": Code(
        _ERROR, "An unquoted word is read as a boolean", "put it in quotes: YAML reads On, Off, Yes and No as booleans"
    ),
    "GLM018": Code(_INFO, "The file holds a status", "remove it: only the operator writes it"),
    "GLM019": Code(_ERROR, "An unquoted version is read as a number", "put it in quotes: YAML reads 2.60 as 2.6"),
    "GLM130": Code(
        _WARNING,
        "The TensorRT accelerator builds its engines anew in every pod",
        'set parameters trt_engine_cache_enable: "true" and trt_engine_cache_path to a folder on a volume',
    ),
    "GLM131": Code(
        _WARNING, "A precision isn't enforced by this engine", "convert the model file itself, or remove precision"
    ),
    "GLM132": Code(
        _WARNING, "The TensorRT accelerator has no GPU to run on", "set runtime.gpu.count, or remove the accelerator"
    ),
    "GLM133": Code(
        _WARNING,
        "INT8 on the TensorRT accelerator without a calibration table",
        "give trt_int8_calibration_table_name, or use a model that is quantized already with precision: FP32",
    ),
    "GLM134": Code(
        _WARNING, "GPUs are set aside that no model uses", "set runtime.gpu.count: 0, or let a model use a GPU"
    ),
    "GLM135": Code(_WARNING, "Every model is optional, so that a pod without any counts as ready", "make one required"),
    "GLM136": Code(
        _ERROR, "An ensemble step maps a tensor that its model doesn't have", "name the model's own tensors"
    ),
    "GLM137": Code(_ERROR, "An ensemble step leaves an input of its model out", "map every input of the model"),
    "GLM138": Code(_ERROR, "Tensors that an ensemble joins have different types", "give both the same dataType"),
    "GLM139": Code(_WARNING, "A dimension is 0, so that nothing fits in", "use the real size, or -1 for any"),
    "GLM140": Code(_ERROR, "Two tensors of a model have the same name", "give each its own"),
    "GLM141": Code(
        _INFO, "Very many models share a pod", "spread them over several resources: a pod loads all of them"
    ),
    "GLM142": Code(
        _WARNING, "Requests wait for others to join them in a batch of one", "raise maxBatchSize, or remove the delay"
    ),
    "GLM143": Code(
        _ERROR, "The steps of an ensemble wait for each other in a circle", "let no step need what it leads to"
    ),
    "GLM144": Code(
        _ERROR,
        "A rate limiter needs more of a resource than there is",
        "raise the number in --rate-limit-resource=NAME:NUMBER, or lower count",
    ),
    "GLM202": Code(
        _INFO, "The source of the model files isn't among the files", "give its file as well, and it is checked"
    ),
    "GLM203": Code(_ERROR, "A required model has no files in the ConfigMap", "add a key MODEL.VERSION.FILENAME"),
    "GLM204": Code(_WARNING, "A key of the ConfigMap belongs to no model", "remove it, or correct the model's name"),
    "GLM205": Code(_ERROR, "A model's file doesn't have the name that its engine looks for", "rename the key"),
    "GLM206": Code(_ERROR, "The source is in another namespace", "move one of the two: references stay in a namespace"),
    "GLM207": Code(
        _WARNING, "A claim that one node may mount serves several pods", "use ReadOnlyMany or ReadWriteMany"
    ),
    "GLM208": Code(_ERROR, "A model's file is empty", "put the whole file into the ConfigMap"),
    "GLM209": Code(_ERROR, "A model's file isn't ONNX, or is cut off", "export the model again, and use binaryData"),
    "GLM210": Code(
        _WARNING, "The tensors of the resource aren't those of the ONNX file", "use the names that the file has"
    ),
    "GLM211": Code(_ERROR, "A ConfigMap is larger than 1 MiB", "use a persistentVolumeClaim or an image as the source"),
    "GLM212": Code(_ERROR, "versionPolicy names a version that has no files", "add the files, or remove the version"),
    "GLM213": Code(
        _WARNING, "The image with the models is named by a tag that may move", "name it by its digest: NAME@sha256:..."
    ),
    "GLM214": Code(_ERROR, "binaryData isn't base64", "encode the file with base64"),
    "GLM215": Code(_ERROR, "A Secret is in another namespace", "copy it: references stay in a namespace"),
    "GLM216": Code(
        _ERROR, "The generated configuration is larger than a ConfigMap may be", "use fewer models a resource"
    ),
    "GLM217": Code(_ERROR, "A Python model has a syntax error", "correct the line that is named"),
    "GLM218": Code(
        _ERROR, "A Python model lacks what Triton calls", "define class TritonPythonModel with a method execute"
    ),
    "GLM219": Code(_ERROR, "A model's version isn't a number from 1 on", "name the key MODEL.1.FILENAME"),
    "GLM220": Code(_WARNING, "An optional model has no files in the ConfigMap", "add them, or remove the model"),
    "GLM303": Code(_WARNING, "The image is named by a tag that moves", "name a version, best with its digest"),
    "GLM304": Code(
        _INFO, "The image is named by its tag alone", "add its digest, NAME:TAG@sha256:..., and it can't change"
    ),
    "GLM305": Code(
        _WARNING, "The server has no memory limit", "set runtime.resources.limits.memory: a leak then ends one pod only"
    ),
    "GLM306": Code(_ERROR, "A request is above its limit", "raise the limit, or lower the request"),
    "GLM307": Code(
        _WARNING, "Loading a large language model often takes longer than this", "raise runtime.startupSeconds"
    ),
    "GLM308": Code(_WARNING, "Shared memory is small for what runs in it", "raise runtime.sharedMemory to 1Gi or more"),
    "GLM309": Code(_WARNING, "runtime.version isn't that of the image", "write the version that the message names"),
    "GLM310": Code(_ERROR, "A GPU is asked for in resources", "use runtime.gpu: {resourceName, count}"),
    "GLM311": Code(_WARNING, "A label is the operator's own, which wins", "use another key"),
    "GLM312": Code(_WARNING, "Running requests are cut off when a pod ends", "set runtime.exitTimeoutSeconds"),
    "GLM313": Code(_WARNING, "A quantity of memory is far too small", "use Mi or Gi: the suffix m means thousandths"),
    "GLM316": Code(_WARNING, "A flag of the server is given twice", "keep one"),
    "GLM318": Code(
        _ERROR,
        "The name of an image isn't one",
        "write [REGISTRY/]NAME[:TAG][@sha256:DIGEST], the name in small letters",
    ),
    "GLM403": Code(_WARNING, "A single pod: any restart of it is an outage", "use 2 replicas or more"),
    "GLM404": Code(
        _WARNING, "fallback.replicas is outside minReplicas..maxReplicas", "choose a number between the two"
    ),
    "GLM405": Code(
        _WARNING, "The panic window is longer than the stable one", "make panic.windowSeconds the shorter one"
    ),
    "GLM406": Code(
        _WARNING, "Scaled to zero, nothing answers", "set minReplicas to 1 or more where requests may come at any time"
    ),
    "GLM407": Code(_WARNING, "A forecast can't change a fixed number of pods", "let maxReplicas be above minReplicas"),
    "GLM408": Code(_INFO, "No pods are wanted", "set replicas"),
    "GLM409": Code(_WARNING, "The forecast provides for less than the middle of what is expected", "use 0.5 or more"),
    "GLM410": Code(_WARNING, "Scaling up is switched off", "remove selectPolicy: Disabled, or use replicas"),
    "GLM501": Code(_WARNING, "connectionPool.minPoolSize is above maxPoolSize", "swap them"),
    "GLM502": Code(_WARNING, "provider GatewayAPI without a Gateway", "name one in traffic.gateway.parentRefs"),
    "GLM503": Code(_WARNING, "A Gateway is named, but the provider is another", "set traffic.provider: GatewayAPI"),
    "GLM504": Code(
        _WARNING,
        "Requests may wait for their batch longer than the latency rule allows",
        "lower maxQueueDelayMicroseconds, or raise latencyRule.thresholdMilliseconds",
    ),
    "GLM505": Code(_WARNING, "connectionPool.idleTimeout is above maxLifetime", "make it the shorter one"),
    "GLM506": Code(_WARNING, "A burst without a rate has no effect", "set rateLimit.tokensPerSecond"),
    "GLM507": Code(_WARNING, "All pods would stand by", "keep standbyReplicas below the number of pods"),
    "GLM508": Code(_WARNING, "Without a provider nothing weighs, retries or limits", "use provider: Envoy"),
    "GLM509": Code(_WARNING, "A connection is given no time", "set connectionPool.connectionTimeout, 3s for example"),
    "GLM601": Code(_WARNING, "mode Act, but nothing may be done", "list actions, and allow some an hour"),
    "GLM602": Code(
        _WARNING, "Expanding needs room above the present number of pods", "use scaling with a higher maxReplicas"
    ),
    "GLM603": Code(
        _INFO,
        "The cooldown leaves room for fewer actions than the budget",
        "lower cooldownSeconds, or maxActionsPerHour",
    ),
    "GLM604": Code(_WARNING, "An action is listed twice", "keep one"),
    "GLM701": Code(
        _WARNING,
        "This version of Triton is known to let a caller run code",
        "use an image of release 25.07 or newer, and set runtime.version to its version",
    ),
    "GLM702": Code(
        _WARNING, "A parameter looks like a secret", "mount a Secret instead: parameters stand readable in a ConfigMap"
    ),
    "GLM703": Code(_WARNING, "Credentials go over an unencrypted connection", "use https"),
    "GLM704": Code(_WARNING, "An annotation switches a protection of the container off", "remove it"),
    "GLM705": Code(
        _WARNING,
        "The claim's volume is a folder of a node",
        "use storage of the cluster: a node's folder is open to others",
    ),
    "GLM706": Code(
        _INFO, "The server writes verbose logs, which may hold what clients send", "remove it after debugging"
    ),
    "GLM801": Code(_WARNING, "A field is accepted, but nothing acts on it yet", "know it, or remove it"),
    "GLM802": Code(
        _ERROR, "Something else scales the same pods", "remove it, or spec.scaling: two masters undo each other's work"
    ),
    "GLM803": Code(
        _ERROR, "The name is taken by another object", "rename one: the operator never takes an object over"
    ),
    "GLM804": Code(_ERROR, "A quota is too small for the pods", "raise the quota, or ask for less"),
    "GLM805": Code(
        _ERROR, "A quota wants every pod to name a resource, which these don't", "set it in runtime.resources"
    ),
    "GLM806": Code(
        _WARNING, "A second PodDisruptionBudget covers the same pods", "remove it: with two, no pod can be evicted"
    ),
    "GLM807": Code(_ERROR, "The namespace name isn't one", "use letters, digits and '-', at most 63"),
}


def _all_rules(base: type[ApiModel] = ApiModel) -> Iterator[Rule]:
    for model in base.__subclasses__():
        yield from vars(model).get("rules", ())
        yield from _all_rules(model)


def api_rules() -> tuple[Rule, ...]:
    """Every cross-field rule of the API."""
    return (NAME_RULE, *_all_rules())


def _of_rule(rule: Rule) -> Code:
    return Code(_ERROR, *what_and_fix(rule))


def what_and_fix(rule: Rule) -> tuple[str, str]:
    """The two halves of a rule's message; one without a second half says itself what to write."""
    what, _, fix = rule.message.partition("; ")
    return what, fix or f"write it so: {rule.message}"


CODES: Final[dict[str, Code]] = dict(
    sorted((_OWN | {rule.code: _of_rule(rule) for rule in api_rules() if rule.code}).items())
)
