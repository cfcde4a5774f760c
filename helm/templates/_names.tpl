{{- define "roundsman.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 50 characters: pods carry the name of what made them, and a hash of ten or so, in labels of 63. */}}
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

{{/* Not empty when many pods share a Postgres. */}}
{{- define "roundsman.isShared" -}}
{{- $url := .Values.database.url }}
{{- if and $url (not (hasPrefix "postgresql://" $url)) }}
{{- fail "database.url must begin with postgresql://; leave it out to keep everything on a volume" }}
{{- end }}
{{- if and $url .Values.database.existingSecret }}
{{- fail "database.existingSecret holds the address already: leave database.url out" }}
{{- end }}
{{- if and $url .Values.existingSecret }}
{{- fail "existingSecret holds every secret: put database.url there as ROUNDSMAN_DATABASE_URL, and name it as database.existingSecret" }}
{{- end }}
{{- if or $url .Values.database.existingSecret }}yes{{ end }}
{{- end }}

{{/* Which pods answer the hook and the pages. */}}
{{- define "roundsman.door" -}}
{{ include "roundsman.isShared" . | empty | ternary "serve" "web" }}
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

{{/* Where everything is kept. An address of ours comes with the other secrets. */}}
{{- define "roundsman.database" -}}
{{- with .Values.database.existingSecret }}
- name: ROUNDSMAN_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.database.existingSecretKey }}
{{- end }}
{{- if not (include "roundsman.isShared" .) }}
- name: ROUNDSMAN_DATABASE_URL
  value: sqlite:////data/roundsman.db
{{- end }}
{{- end }}
