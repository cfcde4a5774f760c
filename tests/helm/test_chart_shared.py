"""What Helm makes of the chart with a Postgres: many pods, prepared by one Job, and watched."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.config.configuration import load
from service.config.env import load_settings
from service.pipeline.context import RetryPolicy
from tests.generate_docs import ROOT
from tests.support.helm_rendering import (
    CHART,
    SHARED,
    Render,
    container,
    each_helm,
    environ,
    helm,
    needs_helm,
    pod,
    rendered,
    template,
)

pytestmark = [needs_helm, each_helm]
BOTH = pytest.mark.parametrize("role", ["web", "worker"])
URL = "postgresql://roundsman:example-password@postgres.example.com/roundsman"


@pytest.fixture
def render(binary: str) -> Render:
    return partial(rendered, binary)


@BOTH
def test_roundsman_would_start_with_what_the_chart_gives_it(render: Render, role: str, tmp_path: Path) -> None:
    objects = render("postgres")
    file = tmp_path / "roundsman.yaml"
    file.write_text(objects["ConfigMap"]["data"]["roundsman.yaml"])

    given = environ(objects, f"Deployment {role}")
    config = load({**given, "ROUNDSMAN_CONFIG": str(file)}, serving=True)

    assert container(objects[f"Deployment {role}"])["args"] == [role]
    assert config.settings.database_url == URL
    assert config.settings.webhook_secrets == ("new-example-secret", "old-example-secret")


def test_only_what_is_needed_is_made_and_no_volume(render: Render) -> None:
    assert set(render("postgres")) == {
        *("ConfigMap", "Secret", "Service", "ServiceAccount"),
        *("Deployment web", "Deployment worker", "PodDisruptionBudget web", "PodDisruptionBudget worker"),
        *("Job migrate", "Secret migrate"),
    }


@BOTH
def test_no_pod_has_anything_to_lose(render: Render, role: str) -> None:
    made = render("postgres")[f"Deployment {role}"]

    assert [volume["name"] for volume in pod(made)["volumes"]] == ["config", "tmp"]
    assert {mount["mountPath"] for mount in container(made)["volumeMounts"]} == {"/etc/roundsman", "/tmp"}


@pytest.mark.parametrize("example", SHARED)
def test_the_world_is_led_to_open_doors_and_to_no_worker(render: Render, example: str) -> None:
    objects = render(example)
    service, labels = objects["Service"]["spec"], labels_of(objects["Deployment web"])

    assert service["selector"].items() <= labels.items()
    assert not service["selector"].items() <= labels_of(objects["Deployment worker"]).items()
    assert "publishNotReadyAddresses" not in service
    assert objects["Deployment web"]["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_a_door_is_open_also_when_no_worker_lives(render: Render) -> None:
    asked = {role: container(render("postgres")[f"Deployment {role}"]) for role in ("web", "worker")}

    assert asked["web"]["readinessProbe"]["httpGet"]["path"] == "/readyz?check=database"
    assert asked["worker"]["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert {made["livenessProbe"]["httpGet"]["path"] for made in asked.values()} == {"/healthz"}


def test_a_door_that_is_told_to_close_still_takes_in_who_was_sent_to_it(render: Render) -> None:
    web = render("postgres")["Deployment web"]

    assert container(web)["lifecycle"] == {"preStop": {"exec": {"command": ["sleep", "5"]}}}
    assert pod(web)["terminationGracePeriodSeconds"] >= 5 + 5 + 5


def test_pods_that_send_outlive_the_grace_of_a_send(render: Render) -> None:
    senders = [render("minimal")["StatefulSet"], render("postgres")["Deployment worker"]]

    for sender in senders:
        assert pod(sender)["terminationGracePeriodSeconds"] >= RetryPolicy.send_grace.total_seconds() + 10


# the Job before each release


def test_the_schema_is_brought_up_to_date_before_a_release_and_once(render: Render) -> None:
    job = render("postgres")["Job migrate"]

    assert container(job)["args"] == ["migrate"]
    assert pod(job)["restartPolicy"] == "Never"
    assert job["metadata"]["annotations"] == {
        "helm.sh/hook": "pre-install,pre-upgrade",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    }


def test_that_needs_nothing_that_comes_with_the_release_itself(render: Render) -> None:
    objects = render("postgres")
    job, secret = objects["Job migrate"], objects["Secret migrate"]

    [variable] = container(job)["env"]
    settings = load_settings(secret["stringData"], serving=False)

    assert variable["valueFrom"]["secretKeyRef"] == {"name": "acme-roundsman-migrate", "key": "ROUNDSMAN_DATABASE_URL"}
    assert secret["metadata"]["name"] == "acme-roundsman-migrate"
    assert settings.database_url == URL
    assert int(secret["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0
    assert "hook-succeeded" in secret["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    assert pod(job)["serviceAccountName"] == "default"
    assert "envFrom" not in container(job)
    assert [volume["name"] for volume in pod(job)["volumes"]] == ["tmp"]


def test_everybody_takes_the_address_from_a_secret_that_is_there_already(render: Render) -> None:
    objects = render("postgres-watched")
    source = {"valueFrom": {"secretKeyRef": {"name": "our-postgres-app", "key": "uri"}}}

    for made in ("Job migrate", "Deployment web", "Deployment worker"):
        variables = {each["name"]: each for each in container(objects[made])["env"]}
        assert variables["ROUNDSMAN_DATABASE_URL"] == {"name": "ROUNDSMAN_DATABASE_URL", **source}
        assert variables["PGSSLROOTCERT"]["value"] == "/etc/our-authority/ca.crt"
        assert container(objects[made])["volumeMounts"][-1]["mountPath"] == "/etc/our-authority"
        assert pod(objects[made])["serviceAccountName"] == "builds"
    assert not [name for name in objects if name.startswith("Secret")]


@pytest.mark.parametrize("example", SHARED)
def test_an_address_with_its_password_is_nowhere_but_in_secrets(render: Render, example: str) -> None:
    objects = render(example)

    said = json.dumps({name: made for name, made in objects.items() if not name.startswith("Secret")})

    assert "example-password" not in said


def test_that_finds_its_node_and_is_let_alone_by_a_mesh(render: Render) -> None:
    job = render("postgres-watched")["Job migrate"]

    assert labels_of(job)["sidecar.istio.io/inject"] == "false"
    assert labels_of(job)["app.kubernetes.io/component"] == "migrate"
    assert pod(job)["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert pod(job)["tolerations"][0]["key"] == "example.com/builds"
    assert container(job)["resources"]["limits"]["memory"] == "512Mi"


# how many


@BOTH
def test_they_are_two_and_never_go_at_once(render: Render, role: str) -> None:
    objects = render("postgres")

    budget = objects[f"PodDisruptionBudget {role}"]["spec"]

    assert objects[f"Deployment {role}"]["spec"]["replicas"] == 2
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"].items() <= labels_of(objects[f"Deployment {role}"]).items()


@BOTH
def test_they_are_rather_not_all_on_one_node(render: Render, role: str) -> None:
    made = render("postgres")[f"Deployment {role}"]

    [spread] = pod(made)["topologySpreadConstraints"]

    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    assert spread["labelSelector"]["matchLabels"] == made["spec"]["selector"]["matchLabels"]


def test_their_number_is_the_autoscaler_s_where_there_is_one(render: Render) -> None:
    objects = render("postgres-watched")
    scaler = objects["HorizontalPodAutoscaler web"]["spec"]

    assert "replicas" not in objects["Deployment web"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == objects["Deployment web"]["metadata"]["name"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 9)
    assert container(objects["Deployment web"])["resources"]["requests"]["cpu"]
    assert objects["Deployment worker"]["spec"]["replicas"] == 4
    assert "PodDisruptionBudget worker" not in objects
    assert objects["PodDisruptionBudget web"]["spec"]["maxUnavailable"] == "25%"


# who watches


def test_prometheus_finds_doors_and_workers(render: Render) -> None:
    objects = render("postgres-watched")
    wanted = objects["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items()
    port = objects["ServiceMonitor"]["spec"]["endpoints"][0]["port"]

    for service, role in (("Service", "web"), ("Service worker", "worker")):
        made = objects[service]
        assert wanted <= made["metadata"]["labels"].items()
        assert made["spec"]["selector"].items() <= labels_of(objects[f"Deployment {role}"]).items()
        assert [one["name"] for one in made["spec"]["ports"]] == [port]
    assert objects["Service worker"]["spec"]["clusterIP"] == "None"


def test_the_alerts_are_those_of_the_files(render: Render) -> None:
    rule = render("postgres-watched")["PrometheusRule"]
    files = [CHART / "alerts" / f"{name}.yaml" for name in ("roundsman", "no-webhooks")]

    for one in (one for group in rule["spec"]["groups"] for one in group["rules"]):
        one["expr"] = one["expr"].replace('namespace="default", ', "")
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    assert rule["spec"]["groups"] == groups
    assert rule["metadata"]["labels"]["release"] == "prometheus"


def test_nobody_is_told_that_nothing_comes_unless_they_asked(render: Render) -> None:
    rule = render("postgres-watched", "--set", "prometheusRule.noWebhooks=false")["PrometheusRule"]

    assert [group["name"] for group in rule["spec"]["groups"]] == ["roundsman"]


def test_the_dashboard_is_that_of_the_file(render: Render) -> None:
    made = render("postgres-watched")["ConfigMap dashboard"]

    shown = json.loads(made["data"]["roundsman.json"])

    assert shown == json.loads((CHART / "dashboards" / "roundsman.json").read_text())
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert made["metadata"]["annotations"] == {"grafana_folder": "Builds"}


@BOTH
def test_the_fence_stands_around_all_of_them(render: Render, role: str) -> None:
    objects = render("postgres-watched")

    fence = objects["NetworkPolicy"]["spec"]

    for made in (f"Deployment {role}", "Job migrate"):
        assert fence["podSelector"]["matchLabels"].items() <= labels_of(objects[made]).items()


# what could not work


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("database.url=mysql://db.example.com/ci", "database.url must begin with postgresql://"),
        ("database.existingSecret=ours", "leave database.url out"),
        ("existingSecret=ours", "name it as database.existingSecret"),
        ("web.replicas=0", "replicas"),
        ("worker.autoscaling.enabled=true", "autoscaling"),
        ("web.podDisruptionBudget.minAvailable=1", "minAvailable"),
        ("worker.terminationGracePeriodSeconds=5", "terminationGracePeriodSeconds"),
    ],
)
def test_what_could_not_work_is_refused_with_its_name(binary: str, change: str, complaint: str) -> None:
    done = helm(binary, "postgres", "--set", change)

    assert done.returncode != 0
    assert re.search(complaint, done.stderr)


def test_the_values_that_the_docs_show_for_a_postgres_work(binary: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "container.md").read_text(encoding="utf-8")
    first, more = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    values, others = tmp_path / "my-values.yaml", tmp_path / "postgres-values.yaml"
    values.write_text(first)
    others.write_text(more)

    yaml_file = ROOT / "roundsman.example.yaml"
    done = template(binary, "roundsman", values, "--values", str(others), "--set-file", f"roundsmanYaml={yaml_file}")

    kinds = [each["kind"] for each in yaml.safe_load_all(done.stdout) if each]
    assert done.returncode == 0, done.stderr
    assert kinds.count("Deployment") == 2
    assert "Secret" not in kinds


@pytest.mark.parametrize("name", ["a" * 53, "roundsman"])
def test_names_fit_into_what_kubernetes_allows(binary: str, name: str) -> None:
    done = template(binary, name, CHART / "ci" / "postgres-values.yaml")

    names = {each["metadata"]["name"] for each in yaml.safe_load_all(done.stdout) if each}
    first = name[:50]
    assert names == {first, f"{first}-web", f"{first}-worker", f"{first}-migrate"}
    assert all(len(one) <= 63 for one in names)


def labels_of(made: dict[str, Any]) -> dict[str, str]:
    """The labels of the pods that this makes."""
    return dict(made["spec"]["template"]["metadata"]["labels"])


def test_an_absence_is_one_of_this_release_s_namespace(render: Render) -> None:
    groups = render("postgres-watched", "--namespace", "builds")["PrometheusRule"]["spec"]["groups"]

    absences = [re.findall(r"absent\([^)]*\)", one["expr"]) for group in groups for one in group["rules"]]
    assert [absence for found in absences for absence in found] == [
        f'absent(roundsman_build_info{{namespace="builds", role=~"serve|{other}"}})' for other in ("web", "worker")
    ]


@pytest.mark.parametrize("given", ["https://git.example.com/roundsman", "https://git.example.com/roundsman/"])
def test_runbooks_are_where_the_repository_is(render: Render, given: str) -> None:
    groups = render("postgres-watched", "--set", f"prometheusRule.runbookBase={given}")["PrometheusRule"]["spec"][
        "groups"
    ]

    links = [rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]]
    assert all(link.startswith("https://git.example.com/roundsman/docs/monitoring.md#roundsman") for link in links)
