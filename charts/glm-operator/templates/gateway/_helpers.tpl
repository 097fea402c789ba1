{{- define "glm-operator.gateway.name" -}}
{{ .Release.Name }}-gateway
{{- end }}

{{- define "glm-operator.gateway.selector" -}}
app.kubernetes.io/name: glm-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "glm-operator.gateway.labels" -}}
{{ include "glm-operator.gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The name by which the gateway finds the operator; the operator's certificate holds it. */}}
{{- define "glm-operator.xds.name" -}}
{{ .Release.Name }}-xds.{{ .Release.Namespace }}.svc
{{- end }}

{{/* Four fifths of the memory limit: Envoy sheds load before the kernel kills it. The schema allows Mi and Gi only. */}}
{{- define "glm-operator.gateway.heapBytes" -}}
{{- $limit := .Values.gateway.resources.limits.memory -}}
{{- $mebibytes := trimSuffix "Mi" $limit | int64 -}}
{{- if hasSuffix "Gi" $limit -}}
{{- $mebibytes = mul 1024 (trimSuffix "Gi" $limit | int64) -}}
{{- end -}}
{{ div (mul $mebibytes 1048576 4) 5 }}
{{- end }}
