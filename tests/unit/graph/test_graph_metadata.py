"""HEALTHCHECK in configuration, history and inheritance; what growing metadata ends as."""

import json

import pytest

from pybuild.oci.config import HealthcheckConfig, ImageConfig, RunConfig
from tools.planning import PLATFORM, last, plan_of

TIMES = '"1m30s" "1.5s" "5s" "250ms"'
FLAGS = "--interval=1m30s --timeout=1500ms --start-period=5s --start-interval=250ms --retries=3"


@pytest.mark.parametrize(
    ("text", "check", "shown"),
    [
        (
            f"{FLAGS} CMD curl || exit 1",
            HealthcheckConfig(
                ("CMD-SHELL", "curl || exit 1"),
                90_000_000_000, 1_500_000_000, 5_000_000_000, 250_000_000, 3,
            ),
            f'&{{["CMD-SHELL" "curl || exit 1"] {TIMES} \'\\x03\'}}',
        ),
        (
            'CMD ["a", "b c"]',
            HealthcheckConfig(("CMD", "a", "b c")),
            r"""&{["CMD" "a" "b c"] "0s" "0s" "0s" "0s" '\x00'}""",
        ),
        (
            "--interval=5s NONE",
            HealthcheckConfig(("NONE",)),
            r"""&{["NONE"] "0s" "0s" "0s" "0s" '\x00'}""",
        ),
    ],
)  # fmt: skip
def test_a_health_check_is_in_the_configuration_and_in_history(text, check, shown):
    stage = last(plan_of(f'FROM a\nSHELL ["/bin/bash", "-c"]\nHEALTHCHECK {text}\n'))
    assert stage.run.healthcheck == check
    assert stage.history[-1].created_by == f"HEALTHCHECK {shown}"
    assert stage.history[-1].empty_layer


def test_a_health_check_is_inherited_and_replaced_as_a_whole():
    config = RunConfig(healthcheck=HealthcheckConfig(("CMD", "x"), 1_000_000_000, retries=2))
    assert last(plan_of("FROM a\n", config=config)).run.healthcheck == config.healthcheck
    again = last(plan_of("FROM a\nHEALTHCHECK CMD y\n", config=config)).run.healthcheck
    assert again == HealthcheckConfig(("CMD-SHELL", "y"))


def test_a_health_check_survives_the_image_configuration():
    check = {"Test": ["CMD", "x"], "Interval": 5, "Retries": 2, "StartInterval": 7}
    data = json.dumps({"config": {"Healthcheck": check}, "rootfs": {"diff_ids": []}}).encode()
    config = ImageConfig.parse(data, source="x")
    assert config.run.healthcheck == HealthcheckConfig(
        ("CMD", "x"), 5, start_interval_ns=7, retries=2
    )
    assert json.loads(config.to_bytes())["config"]["Healthcheck"] == check
    assert "Healthcheck" not in json.loads(ImageConfig(PLATFORM).to_bytes())["config"]


def test_metadata_ends_sorted_and_env_in_the_order_of_its_first_setting():
    config = RunConfig(env=(("B", "0"),), labels=(("z", "0"),), exposed_ports=("9/udp",))
    run = last(
        plan_of(
            "FROM a\nENV A=1\nENV B=2\nLABEL y=1\nLABEL z=2\nEXPOSE 80\nVOLUME /v /a\n",
            config=config,
        )
    ).run
    assert [name for name, _ in run.env] == ["B", "PATH", "A"]
    assert dict(run.env)["B"] == "2"
    assert run.labels == (("y", "1"), ("z", "2"))
    assert run.exposed_ports == ("80/tcp", "9/udp")
    assert run.volumes == ("/a", "/v")
