"""Names that the cluster knows us by: API group, label and annotation keys, condition types. Each stands here once."""

from typing import Final

GROUP: Final = "serving.autoglm.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "GLMInference"
PLURAL: Final = "glminferences"
SINGULAR: Final = "glminference"
SHORT_NAME: Final = "glm"
CATEGORY: Final = "all"

FIELD_MANAGER: Final = "glm-operator"

LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
GATEWAY_APP_NAME: Final = "glm-gateway"
"""`app.kubernetes.io/name` of the gateway's pods, as the chart writes it."""
RUNTIME_APP_NAME: Final = "triton"
MANAGED_BY: Final = "glm-operator"

LABEL_INFERENCE: Final = f"{GROUP}/inference"
"""On every child: the name of the GLMInference that owns it."""

ANNOTATION_APPLIED_HASH: Final = f"{GROUP}/applied-hash"
"""On every child: hash of the object as it was last applied; tells fields that were dropped since."""

ANNOTATION_TEMPLATE_HASH: Final = f"{GROUP}/template-hash"
"""On the pod template: hash of the template without the images that the operator defaults; the pods' revision."""

ANNOTATION_DEFAULT_IMAGES: Final = f"{GROUP}/default-images"
"""On the Deployment: the operator's default images and pull policy that it was made with, as JSON."""

ANNOTATION_REPOSITORY_HASH: Final = f"{GROUP}/repository-hash"
"""On the pod template: hash of the models that the pods were last rolled with; newer ones are loaded while they run."""

READINESS_GATE: Final = f"{GROUP}/required-models-ready"
"""Pod condition that the operator sets where no single HTTP probe can tell that all required models are ready."""

ANNOTATION_PAUSED: Final = f"{GROUP}/paused"
"""On a pod, set by people: it gets no requests, for the reason that is its value; `false` is as good as none."""
