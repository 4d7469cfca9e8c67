"""Settings: from the environment and its files, all faults at once, nothing unsafe in production."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from imagegen.settings import Environment, Settings, SettingsInvalid, reference

SECRET = "s" * 32


def faults(environ: dict[str, str], folder: Path | None = None) -> tuple[str, ...]:
    """The faults that an environment has."""
    with pytest.raises(SettingsInvalid) as refusal:
        Settings.load(environ, folder)
    return refusal.value.faults


def test_nothing_at_all_is_a_working_demo() -> None:
    """The defaults are a development service on loopback, with everything embedded."""
    settings = Settings.load({})
    assert (settings.env, settings.host, settings.port) == (Environment.DEVELOPMENT, "127.0.0.1", 8000)
    assert (settings.database_url, settings.storage_url, settings.queue_url) == (None, "file:", "in-process:")
    assert settings.providers == ()


def test_every_fault_is_named_by_its_variable_at_once() -> None:
    """Whoever mends a configuration at night hears of everything in one go."""
    found = faults(
        {
            "IMAGEGEN_PORT": "70000",
            "IMAGEGEN_CONCURRENCY": "0",
            "IMAGEGEN_ALLOW_SKETCH": "perhaps",
            "IMAGEGEN_PUBLIC_URL": "example.com",
            "IMAGEGEN_ENV": "staging",
            "IMAGEGEN_SECRET_KEY": "short",
            "IMAGEGEN_STORAGE": "file:",
        }
    )
    named = {fault.partition(":")[0] for fault in found}
    assert named == {
        "IMAGEGEN_PORT",
        "IMAGEGEN_CONCURRENCY",
        "IMAGEGEN_ALLOW_SKETCH",
        "IMAGEGEN_PUBLIC_URL",
        "IMAGEGEN_ENV",
        "IMAGEGEN_SECRET_KEY",
        "IMAGEGEN_STORAGE",
    }
    assert all("short" not in fault for fault in found)


def test_limits_that_do_not_exist_cannot_be_turned_on() -> None:
    """Whoever asks for rate limits must not believe that there are any."""
    Settings.load({"IMAGEGEN_RATE_LIMITS": "off"})
    (fault,) = faults({"IMAGEGEN_RATE_LIMITS": "on"})
    assert fault.startswith("IMAGEGEN_RATE_LIMITS")


def test_settings_of_other_parts_are_no_faults() -> None:
    """What an adapter reads is not taken for a misspelling."""
    Settings.load({"IMAGEGEN_SKETCH_FAULTS": "1"})


def test_webhooks_lead_to_public_machines_unless_the_operator_says_otherwise() -> None:
    """The switch is off by default, and is a yes or a no."""
    assert not Settings.load({}).webhooks_allow_private
    assert Settings.load({"IMAGEGEN_WEBHOOKS_ALLOW_PRIVATE": "1"}).webhooks_allow_private
    (fault,) = faults({"IMAGEGEN_WEBHOOKS_ALLOW_PRIVATE": "lan"})
    assert fault.startswith("IMAGEGEN_WEBHOOKS_ALLOW_PRIVATE")


def test_the_environment_outweighs_the_files(tmp_path: Path) -> None:
    """TOML is the weakest, then `.env`, then the environment."""
    (tmp_path / "imagegen.toml").write_text(
        'port = 1\nhost = "toml"\ncors_origins = ["https://a.example", "https://b"]'
    )
    (tmp_path / ".env").write_text("IMAGEGEN_PORT=2\nIMAGEGEN_DATA_DIR=/from/env\n")
    settings = Settings.load({"IMAGEGEN_PORT": "3"}, tmp_path)
    assert (settings.port, settings.data_dir, settings.host) == (3, Path("/from/env"), "toml")
    assert settings.cors_origins == ("https://a.example", "https://b")


def test_a_table_of_toml_is_a_prefix(tmp_path: Path) -> None:
    """`database.url` is IMAGEGEN_DATABASE_URL, a feature's own setting has two underscores, capitals stay."""
    (tmp_path / "imagegen.toml").write_text(
        'GOOGLE_API_KEY = "k"\n[database]\nurl = "sqlite:////x.db"\n[auth]\nregister_on_login = true\n'
    )
    settings = Settings.load({}, tmp_path)
    assert settings.database_url == "sqlite:////x.db"
    assert settings.register_on_login
    assert settings.environment["GOOGLE_API_KEY"] == "k"


def test_broken_toml_is_a_fault(tmp_path: Path) -> None:
    """It is said which file is broken."""
    (tmp_path / "imagegen.toml").write_text("port = ")
    assert faults({}, tmp_path)[0].startswith("imagegen.toml: ")


def test_a_secret_may_be_mounted_as_a_file(tmp_path: Path) -> None:
    """`NAME_FILE` names the file that holds the value; a file that is not there is a fault."""
    (tmp_path / "key").write_text(f"{SECRET}\n")
    assert Settings.load({"IMAGEGEN_SECRET_KEY_FILE": str(tmp_path / "key")}).secret_key == SECRET.encode()
    (missing,) = faults({"IMAGEGEN_SECRET_KEY_FILE": str(tmp_path / "none")})
    assert missing.startswith("IMAGEGEN_SECRET_KEY_FILE: ")


@pytest.mark.parametrize("name", [".env", "imagegen.toml", "key"])
def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path, name: str) -> None:
    """Whichever file it is, it is named, and nothing in it is quoted."""
    (tmp_path / name).write_bytes(b"hush = '\xff\xfe'")
    mounted = {"IMAGEGEN_SECRET_KEY_FILE": str(tmp_path / name)} if name == "key" else {}
    (fault,) = faults(mounted, tmp_path)
    assert fault == f"{'IMAGEGEN_SECRET_KEY_FILE' if mounted else name}: is not UTF-8"


def test_secrets_do_not_print() -> None:
    """Neither the secret nor the database's password is in the repr."""
    url = "postgresql+asyncpg://user:hush@host/name"
    shown = repr(Settings.load({"IMAGEGEN_SECRET_KEY": SECRET, "IMAGEGEN_DATABASE_URL": url, "OPENAI_API_KEY": "sk-1"}))
    assert all(secret not in shown for secret in (SECRET, "hush", "sk-1"))


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "IMAGEGEN_SECRET_KEY"),
        ({"IMAGEGEN_SECRET_KEY": SECRET, "IMAGEGEN_CORS_ORIGINS": "*"}, "IMAGEGEN_CORS_ORIGINS"),
        ({"IMAGEGEN_SECRET_KEY": SECRET, "IMAGEGEN_PROVIDERS": "sketch"}, "IMAGEGEN_PROVIDERS"),
    ],
)
def test_production_refuses_what_is_only_safe_on_a_desk(variables: dict[str, str], named: str) -> None:
    """Each unsafe default is refused by name."""
    (fault,) = faults({"IMAGEGEN_ENV": "production", **variables})
    assert fault.startswith(named)


def test_production_starts_with_what_it_needs() -> None:
    """A secret is enough; sketch may be allowed."""
    variables = {"IMAGEGEN_ENV": "production", "IMAGEGEN_SECRET_KEY": SECRET}
    Settings.load(variables)
    Settings.load({**variables, "IMAGEGEN_PROVIDERS": "sketch", "IMAGEGEN_ALLOW_SKETCH": "1"})


@pytest.mark.parametrize(
    ("variables", "hosts"),
    [
        ({}, ("localhost", "127.0.0.1", "[::1]")),
        ({"IMAGEGEN_PUBLIC_URL": "https://a.example:8443/x"}, ("localhost", "127.0.0.1", "[::1]", "a.example")),
        ({"IMAGEGEN_HOST": "0.0.0.0"}, ("*",)),
        ({"IMAGEGEN_HOST": "0.0.0.0", "IMAGEGEN_ALLOWED_HOSTS": "b.example, c.example"}, ("b.example", "c.example")),
        ({"IMAGEGEN_ALLOWED_HOSTS": "API.Example.com"}, ("api.example.com",)),
        ({"IMAGEGEN_PUBLIC_URL": "https://Example.COM/A"}, ("localhost", "127.0.0.1", "[::1]", "example.com")),
        ({"IMAGEGEN_PUBLIC_URL": "https://[2001:DB8::1]/"}, ("localhost", "127.0.0.1", "[::1]", "[2001:db8::1]")),
        ({"IMAGEGEN_PUBLIC_URL": "https://[::2]:8443"}, ("localhost", "127.0.0.1", "[::1]", "[::2]")),
        ({"IMAGEGEN_HOST": "::1"}, ("localhost", "127.0.0.1", "[::1]")),
        ({"IMAGEGEN_HOST": "::"}, ("*",)),
    ],
)
def test_the_hosts_that_may_be_named(variables: dict[str, str], hosts: tuple[str, ...]) -> None:
    """Exactly what is listed; else loopback and the public name, or any where neither says enough."""
    assert Settings.load(variables).hosts == hosts


@pytest.mark.parametrize(
    "url",
    [
        *("https://", "https://:80", "https://a:b", "https://a:99999", "https://[::1", "ftp://a", "a.example"),
        *("https:a", "https://user:hush@a", "https://a?b", "https://a#b", "https://a b"),
    ],
)
def test_a_public_url_without_a_host_of_its_own_is_a_fault(url: str) -> None:
    """Links could not begin with it."""
    assert faults({"IMAGEGEN_PUBLIC_URL": url}) == ("IMAGEGEN_PUBLIC_URL: must be like https://host/path",)


def test_the_host_of_a_public_url_is_in_lower_case() -> None:
    """Its path stays as it is, without the slash at the end."""
    assert Settings.load({"IMAGEGEN_PUBLIC_URL": "https://A.Example:8443/Path/"}).public_url == (
        "https://a.example:8443/Path"
    )


@pytest.mark.parametrize("hours", ["0", "8761", "99999999999999", "-1", "1.5"])
def test_a_link_lives_for_a_year_at_most(hours: str) -> None:
    """And for an hour at least."""
    assert faults({"IMAGEGEN_LINK_HOURS": hours})[0].startswith("IMAGEGEN_LINK_HOURS: must be ")
    assert Settings.load({"IMAGEGEN_LINK_HOURS": "8760"}).link_lifetime == timedelta(days=365)


VALUES = {"IMAGEGEN_SECRET_KEY": SECRET, "IMAGEGEN_PUBLIC_URL": "https://a.example"}
"""What a variable may hold whose default is empty; any word does for the others."""


@pytest.mark.parametrize(("name", "default"), [row[:2] for row in reference()])
def test_every_variable_of_the_reference_is_accepted(name: str, default: str, tmp_path: Path) -> None:
    """By its name, and as the path of a file that holds the value."""
    value = default or VALUES.get(name, "word")
    (tmp_path / "value").write_text(value)
    plain, mounted = (
        replace(Settings.load(environ), environment={})
        for environ in ({name: value}, {f"{name}_FILE": str(tmp_path / "value")})
    )
    assert plain == mounted
    assert (plain == Settings()) is bool(default)


def test_the_reference_has_every_variable_once() -> None:
    """Each with its default as one would write it, and a sentence."""
    rows = reference()
    names = [name for name, _, _ in rows]
    assert len(names) == len(set(names))
    assert ("IMAGEGEN_PORT", "8000") in [(name, default) for name, default, _ in rows]
    assert ("IMAGEGEN_LINK_HOURS", "24") in [(name, default) for name, default, _ in rows]
    assert Settings.load({"IMAGEGEN_LINK_HOURS": "2"}).link_lifetime == timedelta(hours=2)
    assert all(meaning.endswith(".") for _, _, meaning in rows)
