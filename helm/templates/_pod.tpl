{{/*
The template of a pod that runs the service, as what: .as is serve, web or worker, .root is the chart's own dot.
*/}}
{{- define "roundsman.pod" -}}
{{- $own := index .root.Values .as }}
{{- $as := .as }}
{{- with .root }}
{{- $fullname := include "roundsman.fullname" . }}
metadata:
  labels:
    {{- with $own.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- include "roundsman.instance" . | nindent 4 }}
    app.kubernetes.io/component: {{ $as }}
  annotations:
    {{- with $own.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- /* Both are read once, at the start: a change restarts the pod. */}}
    checksum/config: {{ include (print $.root.Template.BasePath "/configmap.yaml") . | sha256sum }}
    checksum/secret: {{ include (print $.root.Template.BasePath "/secret.yaml") . | sha256sum }}
spec:
  serviceAccountName: {{ include "roundsman.serviceAccount" . }}
  {{- include "roundsman.careful" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ $own.terminationGracePeriodSeconds }}
  {{- with include "roundsman.place" $own | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- if ne $as "serve" }}
  {{- /* Rather not all on one node; where there is only one, it is better than none. */}}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "roundsman.instance" . | nindent 10 }}
          app.kubernetes.io/component: {{ $as }}
  {{- end }}
  containers:
    - name: roundsman
      image: {{ include "roundsman.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [{{ $as }}]
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      env:
        - name: ROUNDSMAN_CONFIG
          value: /etc/roundsman/roundsman.yaml
        - name: ROUNDSMAN_PORT
          value: "8000"
        {{- include "roundsman.database" . | trim | nindent 8 }}
        {{- include "roundsman.settings" . | trim | nindent 8 }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      envFrom:
        - secretRef:
            name: {{ default $fullname .Values.existingSecret }}
      ports:
        - name: http
          containerPort: 8000
      {{- /* SQLite's schema is brought up to date before anything listens: five minutes for that. */}}
      startupProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      {{- /*
      It waits up to 5 s for the database before it says that it cannot be written. A door among several is open when
      it can keep what comes, whether or not a worker lives: else the last worker's end would close them all.
      */}}
      readinessProbe:
        httpGet: {path: {{ eq $as "web" | ternary "/readyz?check=database" "/readyz" | quote }}, port: http}
        periodSeconds: 10
        timeoutSeconds: 7
      {{- if eq $as "web" }}
      {{- /* Callers are still sent here for a moment after the end was announced. */}}
      lifecycle:
        preStop:
          exec:
            command: [sleep, "5"]
      {{- end }}
      {{- with $own.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- if eq $as "serve" }}
        - name: data
          mountPath: /data
        {{- end }}
        - name: config
          mountPath: /etc/roundsman
          readOnly: true
        - name: tmp
          mountPath: /tmp
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- if eq $as "serve" }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ default (printf "%s-data" $fullname) .Values.persistence.existingClaim }}
    {{- end }}
    - name: config
      configMap:
        name: {{ default $fullname .Values.existingConfigMap }}
    {{- /* Where SQLite sorts what does not fit into memory. */}}
    - name: tmp
      emptyDir: {sizeLimit: 256Mi}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* Where a pod may run, and how much it matters. */}}
{{- define "roundsman.place" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every pod of ours is to the cluster: nobody. */}}
{{- define "roundsman.careful" -}}
automountServiceAccountToken: false
{{- /* A Service called roundsman would set ROUNDSMAN_PORT to tcp://... */}}
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
