{{- define "roundsman.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 50 characters: a StatefulSet's pods carry its name and an 11 character hash in a label of 63. */}}
{{- define "roundsman.fullname" -}}
{{- $name := include "roundsman.name" . }}
{{- $usual := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $usual .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "roundsman.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "roundsman.instance" . }}
{{- end }}

{{- define "roundsman.instance" -}}
app.kubernetes.io/name: {{ include "roundsman.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Which pods: other components may join this one in the same release. */}}
{{- define "roundsman.serve" -}}
{{ include "roundsman.instance" . }}
app.kubernetes.io/component: serve
{{- end }}

{{- define "roundsman.image" -}}
{{- $repository := required "image.repository is required: where you pushed the image, see docs/container.md" .Values.image.repository }}
{{- with .Values.image.digest }}
{{- printf "%s@%s" $repository . }}
{{- else }}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "roundsman.serviceAccount" -}}
{{- $otherwise := .Values.serviceAccount.create | ternary (include "roundsman.fullname" .) "default" }}
{{- default $otherwise .Values.serviceAccount.name }}
{{- end }}

{{/* A setting by its variable. YAML's numbers reach a template as floats, and 1048576 would come out as 1.048576e+06. */}}
{{- define "roundsman.settings" -}}
{{- range $name, $value := .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
- name: ROUNDSMAN_{{ $name | snakecase | upper }}
  value: {{ kindIs "float64" $value | ternary (int64 $value) $value | quote }}
{{- end }}
{{- end }}
{{- end }}
