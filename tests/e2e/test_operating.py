"""What an operator meets: restarts, missing credentials, a store that is none, a schema that is behind."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2e.service import COMMAND, PASSWORD, clean_environment, client_of, generate, key_of, serving
from wire.behaviors import Held, Picture, Refusal
from wire.openai import FakeOpenAI


def command(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=cwd,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_picture_is_found_in_the_history_after_a_restart(tmp_path: Path) -> None:
    """What was answered before SIGTERM is there when the service is up again, picture and all."""
    with serving(tmp_path, {}) as service, client_of(service) as client:
        key = key_of(client)
        made = generate(client, key).json()
        assert service.stop() == 0
    with serving(tmp_path, {}) as service, client_of(service) as client:
        found = client.get(f"/v1/generations/{made['id']}", headers=key).json()
        assert found["images"][0]["sha256"] == made["images"][0]["sha256"]
        assert len(client.get(found["url"]).content) == made["images"][0]["bytes"]


def test_without_google_api_key_gemini_answers_503_naming_the_variable(tmp_path: Path) -> None:
    """A provider that was chosen and lacks its credentials does not keep the service from starting."""
    with serving(tmp_path, {"IMAGEGEN_PROVIDERS": "gemini"}) as service, client_of(service) as client:
        answer = generate(client, key_of(client))
        assert answer.status_code == 503
        assert answer.json()["code"] == "provider_not_configured"
        assert "GOOGLE_API_KEY" in answer.json()["detail"]


def test_a_failing_provider_is_a_502_and_stays_in_the_history(tmp_path: Path) -> None:
    """The caller hears whether it was billed, and the history and the attempts say the same."""
    with FakeOpenAI() as fake:
        fake.script(Refusal.SERVER_ERROR)
        variables = {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": fake.url}
        with serving(tmp_path, variables) as service, client_of(service) as client:
            key = key_of(client)
            answer = generate(client, key)
            assert answer.status_code == 502
            assert answer.json()["billed"] == "unknown"
            (kept,) = client.get("/v1/generations", headers=key).json()["data"]
            assert kept["error"]["code"] == answer.json()["code"]
            assert kept["cost_usd"] is None
        assert len(fake.calls) == 1


def test_without_storage_the_url_holds_the_picture(tmp_path: Path) -> None:
    """With `inline:` the address of a picture is a `data:` URL, and no file is written."""
    with serving(tmp_path, {"IMAGEGEN_STORAGE_URL": "inline:"}) as service, client_of(service) as client:
        made = generate(client, key_of(client), size="64x64").json()
        assert made["url"].startswith("data:image/png;base64,")
        assert not (tmp_path / "imagegen-data" / "images").exists()


def test_no_prompt_and_no_secret_is_in_the_log(tmp_path: Path) -> None:
    """Every line of the log is one JSON object, and none quotes a prompt, a password, a token or a key."""
    with serving(tmp_path, {}) as service, client_of(service) as client:
        key = key_of(client)
        generate(client, key, prompt="a zebra nobody may read about")
        service.stop()
    text = b"".join(service.lines).decode()
    assert {record["route"] for record in service.records() if "route" in record} >= {"/v1/generate", "/v1/keys"}
    for secret in ("zebra", PASSWORD, key["Authorization"].removeprefix("Bearer ")):
        assert secret not in text


def test_prompts_are_logged_where_the_operator_turns_it_on(tmp_path: Path) -> None:
    """With IMAGEGEN_LOG_PROMPTS a line names the generation and its prompt."""
    with serving(tmp_path, {"IMAGEGEN_LOG_PROMPTS": "1"}) as service, client_of(service) as client:
        made = generate(client, key_of(client), prompt="a zebra to be read about", size="64x64").json()
        service.stop()
    (line,) = [record for record in service.records() if "prompt" in record]
    assert (line["generation"], line["prompt"]) == (made["id"], "a zebra to be read about")


def test_a_second_service_on_the_same_file_is_refused(tmp_path: Path) -> None:
    """SQLite is one process's; another one ends at once and says why."""
    with serving(tmp_path, {}):
        second = command("serve", "--port", "0", cwd=tmp_path)
        assert second.returncode == 1
        assert "imagegen.db" in second.stderr
        assert "Traceback" not in second.stderr


def test_a_postgres_schema_that_is_behind_names_the_command(tmp_path: Path, postgres_database: str) -> None:
    """`serve` does not migrate a shared database by itself."""
    refused = command("serve", "--port", "0", cwd=tmp_path, IMAGEGEN_DATABASE_URL=postgres_database)
    assert refused.returncode == 1
    assert "imagegen migrate" in refused.stderr


def test_settings_that_are_wrong_are_all_named(tmp_path: Path) -> None:
    """Whoever mends a configuration at night hears of every fault at once."""
    refused = command("serve", cwd=tmp_path, IMAGEGEN_PORT="none", IMAGEGEN_STORAGE="x", IMAGEGEN_SECRET_KEY="short")
    assert refused.returncode == 1
    for name in ("IMAGEGEN_PORT", "IMAGEGEN_STORAGE", "IMAGEGEN_SECRET_KEY"):
        assert name in refused.stderr


@pytest.mark.parametrize("name", ["serve", "check", "migrate"])
@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"IMAGEGEN_DATA_DIR": "/dev/null/data"}, "/dev/null/data"),
        ({"IMAGEGEN_DATABASE_URL": "postgresql://me:hush@127.0.0.1:1/x"}, "127.0.0.1:1 takes no connection"),
        ({"IMAGEGEN_DATABASE_URL": "sqlite://"}, "IMAGEGEN_DATABASE_URL: "),
    ],
)
def test_what_cannot_be_used_is_a_message(tmp_path: Path, name: str, variables: dict[str, str], told: str) -> None:
    """Whichever command meets it, the operator reads one sentence, without a password, and no traceback."""
    refused = command(name, cwd=tmp_path, IMAGEGEN_PORT="0", **variables)
    assert refused.returncode == 1
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "hush" not in refused.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help"), ("migrate", "--help"), ("check", "--help")])
def test_every_command_explains_itself(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """`--help` works on each, in a folder without any settings."""
    helped = command(*arguments, cwd=tmp_path)
    assert helped.returncode == 0
    assert "Usage: imagegen" in helped.stdout


def test_check_prints_how_every_part_is(tmp_path: Path) -> None:
    """`imagegen check` assembles everything, asks each part, and exits with 0 when all is well."""
    checked = command("check", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    words = [line.split() for line in checked.stdout.splitlines()]
    assert [line[:2] for line in words[:-1]] == [["database", "ok"], ["storage", "ok"], ["providers", "ok"]]
    assert words[-1] == ["ok"]


def test_check_does_not_begin_to_draw(tmp_path: Path) -> None:
    """What a killed service left behind is still there after a look at it: checking neither draws nor settles."""
    with FakeOpenAI(default=Held(Picture())) as fake:
        variables = {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": fake.url}
        with serving(tmp_path, variables) as service, client_of(service) as client:
            key = key_of(client)
            asked = client.post("/v1/generations", json={"prompt": "a cat"}, headers=key).json()
            fake.wait_for_calls(1)
            service.process.kill()
            service.process.wait()
        assert command("check", cwd=tmp_path, **variables).returncode == 0
        assert len(fake.calls) == 1
        with serving(tmp_path, variables) as service, client_of(service) as client:
            while (found := client.get(f"/v1/generations/{asked['id']}", headers=key).json())["status"] == "running":
                time.sleep(0.05)
            assert (found["status"], found["error"]["code"], found["error"]["billed"]) == (
                "failed",
                "outcome_unknown",
                "unknown",
            )
            (attempt,) = client.get(f"/v1/generations/{asked['id']}/attempts", headers=key).json()["data"]
            assert (attempt["outcome"], attempt["cost_usd"]) == ("unknown", None)
        assert len(fake.calls) == 1
        fake.release()


def test_stopping_begins_nothing_and_answers_who_waits(tmp_path: Path) -> None:
    """After SIGTERM what waits in the queue stays there, and a caller whose picture is not there gets 202, not 500."""
    variables = {"IMAGEGEN_SKETCH_FAULTS": "1", "IMAGEGEN_CONCURRENCY": "1", "IMAGEGEN_GRACE_SECONDS": "2"}
    with serving(tmp_path, variables) as service, client_of(service) as client, ThreadPoolExecutor() as threads:
        key = key_of(client)
        waiting = threads.submit(generate, client, key, prompt="a cat [[slow:60]]")
        while client.get("/v1/generations", params={"status": "running"}, headers=key).json()["data"] == []:
            time.sleep(0.05)
        queued = client.post("/v1/generations", json={"prompt": "a dog"}, headers=key).json()
        assert service.stop() == 0
        answer = waiting.result(timeout=30)
        assert (answer.status_code, answer.json()["status"]) == (202, "running")
        assert answer.headers["location"] == f"/v1/generations/{answer.json()['id']}"
    with serving(tmp_path, {}) as service, client_of(service) as client:
        while (left := client.get(f"/v1/generations/{answer.json()['id']}", headers=key).json())["status"] == "running":
            time.sleep(0.05)
        assert (left["status"], left["error"]["code"]) == ("failed", "outcome_unknown")
        while (begun := client.get(f"/v1/generations/{queued['id']}", headers=key).json())["status"] != "succeeded":
            time.sleep(0.05)
        assert begun["started_at"] > left["started_at"]


def test_check_notices_a_damaged_file(tmp_path: Path) -> None:
    """SQLite's own check is part of it."""
    with serving(tmp_path, {}) as service:
        assert service.stop() == 0
    file = tmp_path / "imagegen-data" / "imagegen.db"
    damaged = bytearray(file.read_bytes())
    damaged[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    file.write_bytes(damaged)
    checked = command("check", cwd=tmp_path)
    assert checked.returncode == 1
    assert "damaged" in checked.stderr
    assert "Traceback" not in checked.stderr


def test_headers_have_an_end_and_websockets_are_passed_over(tmp_path: Path) -> None:
    """A service as it is started bounds the headers it reads, and answers a wish to upgrade without a warning."""
    with serving(tmp_path, {}) as service, client_of(service) as client:
        answer = client.get("/health/live", headers={"X-Padding": "x" * 70_000})
        assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert client.get("/health/live", headers=upgrade).status_code == 200
        assert service.stop() == 0
    assert not [record for record in service.records() if record["level"] == "warning"]
