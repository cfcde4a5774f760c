"""CircleCI's OpenAPI description of API v2, of the operations that we call: method, path and the fields of the answer.

Those of API v3 are what CircleCI's own clients ask for and read, those of v1.1 what its documentation shows. Of a list
the fields are those of an item. Webhooks are answered with underscores, though it describes hyphens.
"""

PERSON = {"id", "login", "name"}
WEBHOOK = {"created_at", "events", "id", "name", "scope", "signing_secret", "updated_at", "url", "verify_tls"}

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "getCurrentUser": ("GET", "/me", PERSON),
    "getUser": ("GET", "/user/{id}", PERSON),
    "getWorkflowById": (
        "GET",
        "/workflow/{id}",
        {
            *("canceled_by", "created_at", "errored_by", "id", "name", "pipeline_id", "pipeline_number"),
            *("project_slug", "started_by", "status", "stopped_at", "tag", "auto_rerun_number", "max_auto_reruns"),
        },
    ),
    "listWorkflowJobs": (
        "GET",
        "/workflow/{id}/job",
        {
            *("approval_request_id", "approved_by", "canceled_by", "dependencies", "id", "job_number", "name"),
            *("project_slug", "started_at", "status", "stopped_at", "type"),
        },
    ),
    "getPipelineById": (
        "GET",
        "/pipeline/{pipeline-id}",
        {
            *("created_at", "errors", "id", "number", "project_slug", "state", "trigger", "trigger_parameters"),
            *("updated_at", "vcs"),
        },
    ),
    "getPipelineValuesById": (
        "GET",
        "/pipeline/{pipeline-id}/values",
        {
            *("pipeline.number", "pipeline.git.branch", "pipeline.git.repo_url"),
            *("pipeline.event.context.github.pr_url", "pipeline.event.github.pull_request.number"),
            "pipeline.event.github.pull_request.url",
        },
    ),
    "getProjectBySlug": (
        "GET",
        "/project/{project-slug}",
        {"id", "name", "organization_id", "organization_name", "organization_slug", "slug", "vcs_info"},
    ),
    "getAllInsightsBranches": ("GET", "/insights/{project-slug}/branches", {"branches", "org_id", "project_id"}),
    "getJobDetails": (
        "GET",
        "/project/{project-slug}/job/{job-number}",
        {
            *("contexts", "created_at", "duration", "executor", "latest_workflow", "messages", "name", "number"),
            *("organization", "parallel_runs", "parallelism", "pipeline", "project", "queued_at", "started_at"),
            *("status", "stopped_at", "web_url"),
        },
    ),
    "getTests": (
        "GET",
        "/project/{project-slug}/{job-number}/tests",
        {"classname", "file", "message", "name", "result", "run_time", "source"},
    ),
    "getJobTests": ("GET", "/jobs/{id}/tests", {"classname", "file", "message", "name", "result", "run_time"}),
    "getJob": ("GET", "/jobs/{id}", {"data"}),
    "getJobCondensedStdout": ("GET", "/jobs/{id}/stdout/condensed", set()),
    "getJobStdout": ("GET", "/jobs/{id}/stdout", set()),
    "getBuild": (
        "GET",
        "/project/{slug}/{build_num}",
        {"build_num", "outcome", "status", "steps", "workflows"},
    ),
    "getWebhooks": ("GET", "/webhook", WEBHOOK),
    "createWebhook": ("POST", "/webhook", WEBHOOK),
    "updateWebhook": ("PUT", "/webhook/{webhook-id}", WEBHOOK),
    "deleteWebhook": ("DELETE", "/webhook/{webhook-id}", {"message"}),
}
