"""What Helm makes of the chart: one pod, one volume."""

import re
from functools import partial
from pathlib import Path

import pytest
import yaml

from service.config.configuration import load
from service.config.setting_values import PREFIX
from tests.generate_docs import ROOT
from tests.support.helm_rendering import (
    ALONE,
    CHART,
    EXAMPLES,
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
SERVE = "StatefulSet"


@pytest.fixture
def render(binary: str) -> Render:
    return partial(rendered, binary)


@pytest.mark.parametrize(
    ("example", "secrets"),
    [
        ("minimal", ("new-example-secret", "old-example-secret")),
        ("ingress-and-monitor", ("example-secret",)),
    ],
)
def test_roundsman_would_start_with_what_the_chart_gives_it(
    render: Render, example: str, secrets: tuple[str, ...], tmp_path: Path
) -> None:
    objects = render(example)
    file = tmp_path / "roundsman.yaml"
    file.write_text(objects["ConfigMap"]["data"]["roundsman.yaml"])

    config = load({**environ(objects, SERVE), "ROUNDSMAN_CONFIG": str(file)}, serving=True)

    assert config.settings.webhook_secrets == secrets
    assert len(config.routes) == 1


def test_roundsman_yaml_arrives_as_it_was_written(render: Render) -> None:
    values = yaml.safe_load((CHART / "ci" / "minimal-values.yaml").read_text())

    text = render("minimal")["ConfigMap"]["data"]["roundsman.yaml"]

    assert text == values["roundsmanYaml"]
    assert "branch: 1.10," in text


def test_every_setting_reaches_the_service_and_numbers_stay_whole(render: Render) -> None:
    given = {
        name: value for name, value in environ(render("ingress-and-monitor"), SERVE).items() if name.startswith(PREFIX)
    }

    assert given == {
        "ROUNDSMAN_ADMIN_TOKEN": "example-admin-token",
        "ROUNDSMAN_CIRCLECI_TOKEN": "example-circleci-token",
        "ROUNDSMAN_CIRCLECI_URL": "https://circleci.example.com",
        "ROUNDSMAN_CONFIG": "/etc/roundsman/roundsman.yaml",
        "ROUNDSMAN_DATABASE_URL": "sqlite:////data/roundsman.db",
        "ROUNDSMAN_HOST": "::",
        "ROUNDSMAN_MAX_BODY_BYTES": "2097152",
        "ROUNDSMAN_OPERATOR_TOKENS": "deploy-bot=example-operator-token-0123456789abcdef",
        "ROUNDSMAN_OTLP_TOKEN": "example-otlp-token-0123456789abcdef",
        "ROUNDSMAN_PORT": "8000",
        "ROUNDSMAN_PUBLIC_URL": "https://roundsman.example.com",
        "ROUNDSMAN_READ_TOKEN": "example-read-token-0123456789abcdef",
        "ROUNDSMAN_WATCHDOG_URL": "https://watchdog.example.com/example",
        "ROUNDSMAN_WEBHOOK_SECRETS": "example-secret",
    }


def test_the_file_and_the_database_are_where_the_environment_says(render: Render) -> None:
    objects = render("minimal")

    mounts = {each["mountPath"]: each["name"] for each in container(objects[SERVE])["volumeMounts"]}
    volumes = {each["name"]: each for each in pod(objects[SERVE])["volumes"]}

    assert volumes[mounts["/etc/roundsman"]]["configMap"] == {"name": objects["ConfigMap"]["metadata"]["name"]}
    assert volumes[mounts["/data"]]["persistentVolumeClaim"] == {
        "claimName": objects["PersistentVolumeClaim"]["metadata"]["name"]
    }
    assert "/tmp" in mounts


def test_what_is_there_already_is_used_and_not_made(render: Render) -> None:
    objects = render("existing-secret")

    volumes = {each["name"]: each for each in pod(objects[SERVE])["volumes"]}

    assert set(objects) == {"Service", "StatefulSet"}
    assert container(objects[SERVE])["envFrom"] == [{"secretRef": {"name": "our-roundsman-secrets"}}]
    assert volumes["config"]["configMap"] == {"name": "our-roundsman-yaml"}
    assert volumes["data"]["persistentVolumeClaim"] == {"claimName": "our-roundsman-data"}
    assert volumes["our-authority"]["configMap"] == {"name": "our-authority"}
    assert container(objects[SERVE])["volumeMounts"][-1]["mountPath"] == "/etc/our-authority"
    assert container(objects[SERVE])["env"][-1]["name"] == "SSL_CERT_FILE"
    assert pod(objects[SERVE])["serviceAccountName"] == "default"
    assert pod(objects[SERVE])["imagePullSecrets"] == [{"name": "example-registry"}]


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_pod_may_do_nothing_out_of_the_ordinary(render: Render, example: str) -> None:
    makers = [made for made in render(example).values() if made["kind"] in {"StatefulSet", "Deployment", "Job"}]

    assert len(makers) == (1 if example in ALONE else 3)
    for made in makers:
        assert container(made)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod(made)["securityContext"]["runAsNonRoot"] is True
        assert pod(made)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod(made)["automountServiceAccountToken"] is False
        assert pod(made)["enableServiceLinks"] is False


@pytest.mark.parametrize("example", ALONE)
def test_there_is_one_pod_and_posts_reach_it_even_when_it_is_not_ready(render: Render, example: str) -> None:
    objects = render(example)
    spec, service = objects["StatefulSet"]["spec"], objects["Service"]["spec"]

    assert spec["replicas"] == 1
    assert service["publishNotReadyAddresses"] is True
    assert service["selector"] == spec["selector"]["matchLabels"]
    assert service["selector"].items() <= spec["template"]["metadata"]["labels"].items()
    assert service["ports"][0]["targetPort"] == container(objects[SERVE])["ports"][0]["name"]


def test_the_probes_ask_the_health_addresses(render: Render) -> None:
    made = container(render("minimal")[SERVE])

    asked = {name: made[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}

    assert asked == {
        "startup": {"path": "/healthz", "port": "http"},
        "liveness": {"path": "/healthz", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }


@pytest.mark.parametrize(
    ("change", "is_restart"),
    [
        ("roundsmanYaml=routes: []", True),
        ("channelSecrets.SLACK_WEB_TEAM=json://other.example.com", True),
        ("secrets.adminToken=another-example-token", True),
        ("service.port=8080", False),
        ("ingress.host=other.example.com", False),
    ],
)
def test_a_change_of_what_is_read_at_the_start_restarts_the_pod(render: Render, change: str, is_restart: bool) -> None:
    before, after = render("minimal"), render("minimal", "--set", change)

    templates = [each["StatefulSet"]["spec"]["template"] for each in (before, after)]

    assert (templates[0] != templates[1]) is is_restart


@pytest.mark.parametrize(
    ("example", "options", "image"),
    [
        ("minimal", [], "registry.example.com/roundsman:0.1.0"),
        ("ingress-and-monitor", [], "registry.example.com/roundsman:0.1.0-2"),
        ("existing-secret", ["--set", "image.tag=other"], f"registry.example.com/roundsman@sha256:{'0' * 64}"),
    ],
)
def test_the_image_is_the_one_named(render: Render, example: str, options: list[str], image: str) -> None:
    assert container(render(example, *options)[SERVE])["image"] == image


def test_the_history_outlives_the_release(render: Render) -> None:
    claim = render("minimal")["PersistentVolumeClaim"]

    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}


def test_only_what_is_needed_is_made(render: Render) -> None:
    assert set(render("minimal")) == {
        "ConfigMap", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount", "StatefulSet",
    }  # fmt: skip


def test_the_world_reaches_the_hook_and_nothing_else_when_told_so(render: Render) -> None:
    objects = render("ingress-and-monitor")

    ingress = objects["Ingress"]["spec"]

    assert ingress["tls"] == [{"hosts": ["roundsman.example.com"], "secretName": "roundsman-tls"}]
    assert ingress["ingressClassName"] == "nginx"
    [rule] = ingress["rules"]
    [path] = rule["http"]["paths"]
    assert (rule["host"], path["path"]) == ("roundsman.example.com", "/hooks/circleci")
    assert path["backend"]["service"] == {"name": objects["Service"]["metadata"]["name"], "port": {"name": "http"}}


def test_by_default_the_world_reaches_neither_metrics_nor_readiness(render: Render) -> None:
    options = ["--set", "ingress.enabled=true", "--set", "ingress.host=roundsman.example.com"]

    [rule] = render("minimal", *options)["Ingress"]["spec"]["rules"]

    published = {path["path"]: path["pathType"] for path in rule["http"]["paths"]}
    assert published.pop("/") == "Exact"
    assert set(published.values()) == {"Prefix"}
    assert {"/hooks/circleci", "/api", "/login"} < published.keys()
    assert not {"/metrics", "/readyz", "/healthz"} & published.keys()


def test_prometheus_finds_the_service(render: Render) -> None:
    objects = render("ingress-and-monitor")

    monitor = objects["ServiceMonitor"]

    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["endpoints"] == [{"port": "http", "path": "/metrics", "interval": "30s"}]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= objects["Service"]["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("options", "directions"),
    [([], ["Ingress", "Egress"]), (["--set", "networkPolicy.egress=null"], ["Ingress"])],
)
def test_the_fence_stands_around_the_pod(render: Render, options: list[str], directions: list[str]) -> None:
    objects = render("ingress-and-monitor", *options)

    fence = objects["NetworkPolicy"]["spec"]

    labels = objects["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert fence["podSelector"]["matchLabels"].items() <= labels.items()
    assert fence["policyTypes"] == directions
    assert ("egress" in fence) is ("Egress" in directions)


def test_a_cluster_may_choose_the_user(render: Render) -> None:
    chosen = pod(render("minimal", "--set", "podSecurityContext.runAsUser=null")[SERVE])["securityContext"]

    assert "runAsUser" not in chosen
    assert chosen["runAsNonRoot"] is True


@pytest.mark.parametrize(
    ("example", "change", "complaint"),
    [
        ("minimal", "image.repository=null", "image.repository is required"),
        ("minimal", "roundsmanYaml=null", "roundsmanYaml is required"),
        ("minimal", "secrets.webhookSecrets=null", "secrets.webhookSecrets is required"),
        ("minimal", "secrets.adminToken=null", "secrets.adminToken is required"),
        ("minimal", "existingSecret=ours", "existingSecret holds every secret"),
        ("minimal", "ingress.enabled=true", "ingress.host is required"),
        ("minimal", "settings.publicURL=https://roundsman.example.com", "publicURL"),
        ("minimal", "settings.publicUrl=", "publicUrl"),
        ("minimal", "settings.maxBodyBytes=0", "maxBodyBytes"),
        ("minimal", r"secrets.webhookSecrets[0]=torn\,apart", "webhookSecrets"),
        ("minimal", "channelSecrets.ROUNDSMAN_PORT=1", "channelSecrets"),
        ("minimal", "persistence.accessMode=ReadWriteMany", "accessMode"),
        ("minimal", "replicas=2", "replicas"),
    ],
)
def test_what_could_not_work_is_refused_with_its_name(binary: str, example: str, change: str, complaint: str) -> None:
    done = helm(binary, example, "--set", change)

    assert done.returncode != 0
    assert re.search(complaint, done.stderr)


def test_the_values_that_the_docs_show_work(binary: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "container.md").read_text(encoding="utf-8")
    shown, _ = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    values = tmp_path / "my-values.yaml"
    values.write_text(shown)

    done = template(binary, "roundsman", values, "--set-file", f"roundsmanYaml={ROOT / 'roundsman.example.yaml'}")

    objects = {each["kind"]: each for each in yaml.safe_load_all(done.stdout) if each}
    assert objects["StatefulSet"]["metadata"]["name"] == "roundsman"
    assert objects["PersistentVolumeClaim"]["metadata"]["name"] == "roundsman-data"
    assert objects["ConfigMap"]["data"]["roundsman.yaml"] == (ROOT / "roundsman.example.yaml").read_text()


@pytest.mark.parametrize("name", ["a" * 53, "roundsman", "builds-of-roundsman"])
def test_names_fit_into_what_kubernetes_allows(binary: str, name: str) -> None:
    done = template(binary, name, CHART / "ci" / "minimal-values.yaml")

    [made] = [each for each in yaml.safe_load_all(done.stdout) if each and each["kind"] == "StatefulSet"]
    assert len(made["metadata"]["name"]) <= 52  # Kubernetes adds "-" and a hash of ten for the revision's label of 63
    assert made["metadata"]["name"].startswith(name[:50])
